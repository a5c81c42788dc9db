"""Depth made by hand: a ground, walls and cut-outs on the photo, as numbers that anyone can replay."""
