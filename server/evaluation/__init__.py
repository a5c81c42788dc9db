"""How well a clip follows its camera, measured from its frames."""
