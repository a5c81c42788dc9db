"""A photo and its depth are read and become a scene."""
