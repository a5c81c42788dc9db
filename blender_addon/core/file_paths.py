"""Paths as the systems write them: which exists, which are the same, and what a path of another system names."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PureWindowsPath


def nearest_existing(path: Path) -> Path | None:
    """The path, or the nearest folder above it that exists; None where its drive or share is not there."""
    path = path.absolute()
    return next((place for place in (path, *path.parents) if _exists(place)), None)


def same_file(one: str, other: str) -> bool:
    """Whether two absolute paths name the same file: as text, by this system's rules, or on the disk.

    Windows and macOS do not tell case apart, Windows takes either slash, macOS may write an accent as a letter of its
    own, and a drive letter may stand for a share.

    Args:
        one: A path, "" for none.
        other: The same.
    """
    if not one or not other:
        return one == other
    if _normal(one) == _normal(other):
        return True
    # The disk is asked only about names that may be one file's: a share that is gone answers late.
    if _normal(file_name(one)).casefold() != _normal(file_name(other)).casefold():
        return False
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def file_name(path: str) -> str:
    """The last part of a path that any system wrote: `end.png` of `//refs\\end.png` and of `C:\\refs\\end.png`."""
    return re.split(r"[/\\]", path)[-1]


def is_of_another_system(path: str) -> bool:
    """Whether a path is an absolute one of another system: `C:\\clips` on Linux and macOS, `/home/anna` on Windows."""
    if os.name == "nt":
        return path.startswith("/") and not path.startswith("//")
    return PureWindowsPath(path).is_absolute() and not path.startswith("/")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # Windows has errors of networks that Python does not take for "it is not there".
        return False


def _normal(path: str) -> str:
    return unicodedata.normalize("NFC", os.path.normcase(os.path.normpath(path)))
