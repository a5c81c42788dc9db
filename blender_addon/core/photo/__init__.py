"""Photo files: their header, their EXIF, and which files are refused with which message."""
