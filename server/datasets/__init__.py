"""Data that other people made, read as it is."""
