"""Changes of small files of the configuration folder that several programs read, change and replace."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from blender_addon.core.errors import ServiceError

PATIENCE = 30.0
"""Seconds that a program waits for another one: a change takes milliseconds."""


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Holds off others that change a file, from the look at what it holds until it is replaced.

    The lock is SQLite's on a file beside it, which every system has and which ends with its program.

    Args:
        path: the file. Whoever only reads it waits for nobody.

    Raises:
        ServiceError: another program keeps it, or the folder cannot be written to.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(lock, isolation_level=None, timeout=PATIENCE)
    except (OSError, sqlite3.Error) as error:
        raise _cannot_be_changed(path, error) from error
    with closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise _cannot_be_changed(path, error) from error
        yield


def _cannot_be_changed(path: Path, error: Exception) -> ServiceError:
    return ServiceError(f"{path} cannot be changed now", str(error), "Check who owns the folder, and try again.")
