"""How much memory a clip of a pipeline takes, and the plan that fits the machine."""
