"""Depth made by hand: of geometry that an artist placed, of the shape that they gave the photo's mesh."""
