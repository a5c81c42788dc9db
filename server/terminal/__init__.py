"""Making a whole clip from the command line, and running a server of one's own for it."""
