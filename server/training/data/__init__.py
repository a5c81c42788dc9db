"""Training samples: which frames of a clip, how they are cropped, and where their cameras are."""
