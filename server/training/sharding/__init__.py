"""A training whose trained tensors, gradients and moments are split over its processes."""
