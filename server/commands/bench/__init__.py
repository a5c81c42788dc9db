"""`realcam bench` and its sub-commands."""
