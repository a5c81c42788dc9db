"""Training of the camera modules at absolute scale, on a frozen base, and the data for it."""
