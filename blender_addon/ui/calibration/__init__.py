"""Relative depth, or wrong metres, brought to metres: points, floor, nearest and farthest, and the fit shown live."""
