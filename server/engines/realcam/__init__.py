"""The published method as an engine."""
