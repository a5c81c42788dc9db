"""A clock that stands still while the computer sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since some moment; never runs backwards."""


class AwakeClock:
    """Seconds in which this process ran. For a loop that reads it often.

    Windows' monotonic clock counts the time in which the computer sleeps, Linux' and macOS' do not. Between two
    readings that lie further apart than the loop takes, the process did not run, or hung: they count as that far apart.

    Args:
        longest: seconds between two readings of a process that runs, at most.
        clock: what it reads.
    """

    def __init__(self, longest: float, clock: Clock = time.monotonic) -> None:
        self._longest = longest
        self._clock = clock
        self._read = clock()
        self._asleep = 0.0

    def __call__(self) -> float:
        """The seconds, without those by which two readings lay further apart than `longest`."""
        now = self._clock()
        self._asleep += max(now - self._read - self._longest, 0.0)
        self._read = now
        return now - self._asleep
