"""Estimating a photo's depth on the server."""
