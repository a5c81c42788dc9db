"""Windows' refusal of files that somebody has open: the first calls on each path fail, as while a scanner reads it."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CALLS = ("unlink", "remove", "rmdir", "rename", "replace")
"""The functions of `os` that Windows refuses; those of `pathlib` and `shutil` call them."""
SHARING_VIOLATION = 32
FOREVER = 1_000_000


def sharing_violation(path: str) -> PermissionError:
    """The error that Python raises on Windows when another program has a file open."""
    words = "The process cannot access the file because it is being used by another process"
    error = PermissionError(errno.EACCES, words, path)
    error.winerror = SHARING_VIOLATION  # type: ignore[attr-defined, unused-ignore]
    return error


def full_path(path: Any, dir_fd: int | None) -> str:
    """The absolute path that a function of `os` was called with, `shutil` giving names in an open folder."""
    folder = Path() if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink()
    return str((folder / os.fsdecode(path)).absolute())


def refuse_first(patch: pytest.MonkeyPatch, times: int, below: Path, calls: tuple[str, ...] = CALLS) -> Counter[str]:
    """Refuse the first `times` calls on each path below a folder, in this process.

    Args:
        patch: takes it back.
        times: refusals for each path.
        below: only paths in this folder are refused.
        calls: names of the functions that refuse.

    Returns:
        Refusals so far by path.
    """
    refused: Counter[str] = Counter()

    def refusing(real: Callable[..., None]) -> Callable[..., None]:
        def call(path: Any, *arguments: Any, **options: Any) -> None:
            place = full_path(path, options.get("dir_fd", options.get("src_dir_fd")))
            if Path(place).is_relative_to(below) and refused[place] < times and os.path.lexists(place):
                refused[place] += 1
                raise sharing_violation(place)
            real(path, *arguments, **options)

        return call

    for name in calls:
        patch.setattr(os, name, refusing(getattr(os, name)))
    return refused


@contextmanager
def refused_first(times: int, below: Path, calls: tuple[str, ...] = CALLS) -> Iterator[Counter[str]]:
    """`refuse_first` for the time of a block."""
    with pytest.MonkeyPatch.context() as patch:
        yield refuse_first(patch, times, below, calls)
