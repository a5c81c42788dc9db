"""Training of the camera modules at absolute scale, on a frozen base."""
