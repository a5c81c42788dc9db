"""What the text encoder of the Wan networks reads. Needs no torch."""

from __future__ import annotations

MOST_TOKENS = 512
"""Tokens of a prompt that it reads."""
