"""Depth predictors as engines: jobs that answer with depth instead of a clip."""
