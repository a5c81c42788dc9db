"""A clip against its camera, as a job of the service."""
