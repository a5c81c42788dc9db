"""Engines on pipelines of diffusers: what they share."""
