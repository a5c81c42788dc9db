"""HTTP beside ZeroMQ: a client of the service for programs that speak HTTP alone."""
