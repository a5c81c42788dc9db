"""Engines: a Shot becomes a Clip, by name."""
