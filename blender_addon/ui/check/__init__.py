"""Checking a take's camera: operators, panel, and the two paths drawn in the view."""
