"""Choosing a depth predictor, and what an artist is told before one runs."""
