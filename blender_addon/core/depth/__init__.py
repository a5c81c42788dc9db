"""Depth maps: their files, their checks, their cleaning, and the mesh that is built from them."""
