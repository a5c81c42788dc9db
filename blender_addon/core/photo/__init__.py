"""A photo's file: what it is, how it was held, and which files are refused with which words."""
