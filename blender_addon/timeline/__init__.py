"""A finished clip becomes a take that can be put on the timeline, behind the camera and over the render."""
