"""Files that are complete or not there, however their writer or the machine ends."""

from __future__ import annotations

import os
from pathlib import Path

from .held_files import discard, patiently, replace_path


def write_atomic(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Replace a file in one step; one writer at a time.

    Args:
        path: the file.
        data: its bytes.
        sync: have the bytes on the disk before the file gets its name.

    Raises:
        OSError: it cannot be written; the file is then what it was.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with patiently(lambda: part.open("wb")) as stream:
            stream.write(data)
            if sync:
                stream.flush()
                os.fsync(stream.fileno())
        replace_path(part, path)
    except OSError:
        discard(part)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's bytes durable."""
    with patiently(lambda: path.open("r+b")) as stream:
        os.fsync(stream.fileno())
