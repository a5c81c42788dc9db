"""A second loss for small networks: the epipolar attention is told where in the condition frame to look."""
