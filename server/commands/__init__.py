"""The verbs of `realcam`, one file each."""
