"""Clients: who may connect, what they ask, and the answers."""
