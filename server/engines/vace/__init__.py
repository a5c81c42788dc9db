"""Wan2.1-VACE: the preview and what it does not show as control, the photo as reference, words for what is new."""
