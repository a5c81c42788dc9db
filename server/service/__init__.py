"""Sockets, sessions, durable jobs and the worker process. Knows engines by name only."""
