"""The draft engine: clips by geometry alone, without a network."""
