"""A monotonic clock that counts the computer's sleep, as Windows' does."""

from __future__ import annotations

NIGHT = 8 * 3600.0
"""Seconds that a lid stays closed."""


class JumpingClock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds
