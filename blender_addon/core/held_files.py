"""Renames, replacements and removals of files that another program may have open.

Windows refuses them for as long as somebody holds the file, or any file in the folder: a virus scanner, an indexer, a
sync client or a player opens what is fresh, mostly for less than a second. Every other module calls these functions
instead of `os` and `shutil` (tests/test_file_calls.py). A refusal for another reason, as by permissions on Linux or
macOS, is raised at once.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger("realcam.files")

PATIENCE = 2.5
"""Seconds that a call tries for."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25

_HELD = frozenset({5, 32, 33})
"""Windows' error numbers of a file that is open elsewhere: access denied, sharing violation, lock violation. The first
is also that of missing rights, which cannot be told apart there."""
_NOT_EMPTY = 145
"""Windows' error number of a folder that is not empty: a file that was removed while open is there until it is closed.
"""


def is_held(error: OSError) -> bool:
    """Whether Windows refused because another program has the file open. Always False on other systems."""
    return getattr(error, "winerror", None) in _HELD


def patiently(
    action: Callable[[], T], patience: float = PATIENCE, worth_waiting: Callable[[OSError], bool] = is_held
) -> T:
    """What `action` returns, tried again while another program has its file open.

    Args:
        action: must leave everything as it was when it raises.
        patience: seconds to try for; 0 tries once, for a thread that must not wait.
        worth_waiting: whether to try again after an error.

    Raises:
        OSError: the last refusal.
    """
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            return action()
        except OSError as error:
            left = deadline - time.monotonic()
            if left <= 0 or not worth_waiting(error):
                raise
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)


def replace_path(source: Path, target: Path, patience: float = PATIENCE) -> None:
    """Rename a file or folder, in place of a file that is there.

    Raises:
        OSError: it cannot be done; both are as they were.
    """
    patiently(lambda: source.replace(target), patience)


def rename_path(source: Path, target: Path, patience: float = PATIENCE) -> None:
    """Rename a file or folder to a name that is free. On POSIX a file of that name is replaced, as `os.rename` does.

    Raises:
        FileExistsError: the name is taken, on Windows.
        OSError: it cannot be done; both are as they were.
    """
    patiently(lambda: source.rename(target), patience)


def remove_file(path: Path, patience: float = PATIENCE, *, missing_ok: bool = True) -> None:
    """Remove a file.

    Raises:
        FileNotFoundError: it is not there and `missing_ok` is false.
        OSError: it cannot be removed.
    """
    patiently(lambda: path.unlink(missing_ok=missing_ok), patience)


def remove_tree(path: Path, patience: float = PATIENCE) -> None:
    """Remove a folder with all that is in it, if it is there.

    Raises:
        OSError: not all of it can be removed; what could is gone then.
    """
    patiently(lambda: _remove_tree(path), patience, _tree_is_held)


def discard(path: Path, patience: float = 0.0) -> bool:
    """Whether a file or folder is gone now: removed with all that is in it, or not there before.

    Never raises OSError: what stays is logged, and is for a later tidying.

    Args:
        path: the file or folder.
        patience: seconds to try for.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            remove_tree(path, patience)
        else:
            remove_file(path, patience)
    except OSError as error:
        log.warning("%s cannot be removed now: %s", path, error.strerror or error)
        return False
    return True


def _remove_tree(path: Path) -> None:
    # First all that can be removed, for `rmtree` stops at the first error otherwise.
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        shutil.rmtree(path)


def _tree_is_held(error: OSError) -> bool:
    """Also where a file manager wrote into the folder while it was emptied."""
    return is_held(error) or error.errno == errno.ENOTEMPTY or getattr(error, "winerror", None) == _NOT_EMPTY
