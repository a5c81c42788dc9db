"""Camera check as an engine of the service: compare a clip with the camera it was asked to follow."""
