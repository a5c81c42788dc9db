"""Cameras, rays and rendering: numpy for what runs on any laptop, torch for what a network needs."""
