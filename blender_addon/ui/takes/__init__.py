"""Finished takes: the list and its pictures."""
