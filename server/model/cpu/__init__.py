"""What makes the network fast on CPUs: attention, convolutions, memory."""
