"""Trained networks side by side: the same held-out clips made by each, and their cameras measured."""
