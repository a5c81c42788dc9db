"""Clients: who may enter, what they ask, what they are answered."""
