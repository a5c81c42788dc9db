"""Depth: its files, its checks, its cleaning, and the mesh that is built of it."""
