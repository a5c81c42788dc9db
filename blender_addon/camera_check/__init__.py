"""The camera that a finished clip shows, put into the scene beside the one that the clip was asked to follow."""
