"""The progress of a piece of work: one type for engines, transfers, downloads and whatever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .arrays import UInt8


@dataclass(frozen=True, eq=False)
class JobProgress:
    """How far a job, or one stage of it, is.

    Attributes:
        done: steps, frames or bytes, as the stage counts them.
        total: the same in all; 0 where it is not known.
        stage: what goes on, in words.
        preview: [h, w, 3] uint8 sRGB, how the result looks so far; None when there is no new picture.
        detail: more about the stage, or "".
        jpeg: the preview from another process, as a file's bytes; b"" when there is none.
        seconds_left: None where it is not known.
        queue_place: jobs before this one.
        attempt: the job's, from 1; 0 outside of a server's jobs.
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
"""Called each time the work has moved on. What it raises stops the work and passes through."""


def unwatched(_progress: JobProgress) -> None:
    """Do nothing: the OnProgress of work that nobody watches."""
