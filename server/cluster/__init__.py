"""Workers on the nodes of a Ray cluster. Ray is imported here alone, and not by the server's own process."""
