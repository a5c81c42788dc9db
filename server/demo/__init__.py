"""The demo: one photo to a clip on Blender's timeline, with real processes."""
