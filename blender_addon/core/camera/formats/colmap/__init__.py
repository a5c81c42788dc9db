"""COLMAP's models: the text and the binary files, and what both hold."""
