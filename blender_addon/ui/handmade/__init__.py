"""Depth made by hand with Blender's own tools: placed geometry, and the shape of the photo's mesh."""
