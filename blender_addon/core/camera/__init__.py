"""Cameras: trajectories, lenses, projection, named moves, and the files of other programs."""
