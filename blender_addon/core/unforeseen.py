"""Errors that nobody foresaw: logged with their traceback, and told in words like every other.

Only the outermost functions of a program catch them, where a job, an operator, a timer, a thread or a command ends:
what was begun is ended there, and a user reads a sentence. What Blender, or a thread, calls by itself:
entry_points.py.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import RealCamError

log = logging.getLogger(__name__)

_SAVE = "Save your file and try again. If it comes again, please report it with the traceback in the console."
_LONGEST = 300
"""Characters of an error's own words that are told."""


class UnforeseenError(RealCamError):
    """An error that nobody foresaw, in words."""


class _Latest:
    """Attributes: text: the traceback that was logged last, "" for none."""

    text = ""


def latest_traceback() -> str:
    """The traceback that was logged last, for a report; "" for none."""
    return _Latest.text


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Every error leaves as a RealCamError; one that nobody foresaw is logged with its traceback.

    Args:
        what: one clause, what it ended ("The preview stopped").

    Raises:
        RealCamError: whatever was raised inside.
    """
    try:
        yield
    except RealCamError:
        raise
    except Exception as error:
        keep_traceback(error)
        log.exception("%s", what)
        raise told(error, what) from error


def keep_traceback(error: Exception) -> None:
    """Keep an error's traceback for a report; it is about to be logged."""
    _Latest.text = "".join(traceback.format_exception(error))


def told(error: Exception, what: str) -> RealCamError:
    """An error in words: itself if it has them.

    Args:
        error: Any.
        what: one clause, what it ended.
    """
    if isinstance(error, RealCamError):
        return error
    if isinstance(error, MemoryError):
        return UnforeseenError(what, "there is not enough memory", "Close other programs, or use a smaller photo.")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return UnforeseenError(
            what, f"a file cannot be used: {where}{error.strerror}", "Free it, or use another place."
        )
    # Blender's own errors end with a line end, which a sentence would show as an escape.
    said = " ".join(str(error).split())[:_LONGEST]
    return UnforeseenError(what, f"{type(error).__name__}: {said} ({_place(error)})", _SAVE)


@contextmanager
def logged(what: str) -> Iterator[None]:
    """Goes on after an error of what is inside, which is logged: for what must not end the work that it belongs to.

    Args:
        what: one clause, what could not be done.
    """
    try:
        yield
    except Exception as error:
        keep_traceback(error)
        log.exception("%s", what)


def _place(error: Exception) -> str:
    """The file and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "unknown line"
