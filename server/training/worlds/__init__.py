"""Posed clips of rendered worlds: maps of games under free licences, filmed with exact poses and depth."""
