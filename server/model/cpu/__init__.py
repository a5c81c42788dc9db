"""What makes the network fast on processors: attention, convolutions, memory."""
