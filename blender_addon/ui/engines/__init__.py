"""Choosing engines: what the server says of each, side by side, and what of the shot each would lose."""
