"""Cameras: trajectories, lenses, projection, named moves, and the camera files of other programs."""
