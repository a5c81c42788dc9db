"""Reading a photo and its depth, and building the scene of both."""
