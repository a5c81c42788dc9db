"""Depth made or set right by hand: of placed geometry, of the shape of the photo's mesh, by known distances."""
