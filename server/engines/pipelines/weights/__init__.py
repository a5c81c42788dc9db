"""The published weights of engines on diffusers: which files, by which licence, and getting them onto this machine."""
