"""The camera that a finished clip shows, in the scene beside the one that it was asked to follow."""
