"""The engine `sana-wm`: a video model that is given the camera itself, in metres."""
