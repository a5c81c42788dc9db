"""`realcam demo`: the whole shot on real input, from a photo to a clip on Blender's timeline."""
