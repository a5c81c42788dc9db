"""The whole shot, and a server of one's own, from the command line."""
