"""Structure from motion: COLMAP models, matching, triangulation, and their scale in metres."""
