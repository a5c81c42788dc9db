"""Structure from motion: COLMAP models, matching, triangulation, and the scale of a reconstruction in metres."""
