"""Benchmarks of the engines on diffusers' pipelines: what they cost beside the network, and against its call alone."""
