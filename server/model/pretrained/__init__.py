"""A model in diffusers' layout: written to a folder, read from one, and fetched from a hub. Needs torch."""
