"""How far a piece of work is: one type for engines, transfers, downloads and whatever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .arrays import UInt8


@dataclass(frozen=True, eq=False)
class JobProgress:
    """How far a job, or one stage of it, is.

    done, total: steps, frames or bytes, as the stage counts them; total is 0 where it is not known.
    stage: what goes on, in words; detail: more about it, or "".
    preview: [h, w, 3] uint8 sRGB, how the result looks so far; None when there is no new picture. jpeg: the same from
    another process, as the file's bytes, b"" when there is none.
    seconds_left: None where it is not known. queue_place: jobs before this one. attempt: the job's, from 1; 0 outside
    of a server's jobs.
    """

    done: int
    total: int
    stage: str
    preview: UInt8 | None = None
    detail: str = ""
    jpeg: bytes = b""
    seconds_left: float | None = None
    queue_place: int = 0
    attempt: int = 0


OnProgress = Callable[[JobProgress], None]
"""Told each time the work has moved on. What it raises stops the work and comes out of it."""


def unwatched(_progress: JobProgress) -> None:
    """For work that nobody watches."""
