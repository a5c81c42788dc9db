"""How much memory a shot takes, what the machine has, and the memory plan that fits."""
