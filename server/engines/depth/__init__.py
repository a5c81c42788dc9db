"""Depth prediction as an engine of the service."""
