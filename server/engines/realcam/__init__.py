"""The engine `realcam`: the published method."""
