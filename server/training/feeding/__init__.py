"""Samples on their way to the network: decoded ahead by other processes, and what of them is kept on disk."""
