"""Jobs: their states, their store, their files, their place on the disk."""
