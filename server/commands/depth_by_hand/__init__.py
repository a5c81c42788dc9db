"""`realcam depth` without networks: what a person lays out on the photo, and geometry that a person has."""
