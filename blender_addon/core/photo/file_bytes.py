"""A file's bytes without reading all of it: photos are large, and what is needed is at either end."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

FileBytes: TypeAlias = bytes | mmap.mmap


@contextmanager
def file_bytes(path: Path) -> Iterator[FileBytes]:
    """The bytes of a file, valid while the context lasts.

    Raises:
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            # mmap refuses an empty file.
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped
