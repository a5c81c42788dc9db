"""Jobs: their states, their store, their files, their disk space."""
