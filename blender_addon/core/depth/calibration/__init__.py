"""Numbers of a depth picture to metres, by what is known of a few places of the photo."""
