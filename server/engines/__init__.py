"""Engines: each turns a shot into a clip, and is found by its name."""
