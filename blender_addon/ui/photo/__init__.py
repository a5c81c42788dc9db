"""A photo and its depth: import, cleaning, scale, focal length."""
