"""The clip that geometry alone can give, on any laptop."""
