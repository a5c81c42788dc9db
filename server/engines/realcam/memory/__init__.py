"""What memory a shot takes, what the machine has, and the plan that fits."""
