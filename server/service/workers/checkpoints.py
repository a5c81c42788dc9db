"""The checkpoint file of a job: complete or absent, so that an attempt can go on where the last one stopped."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from blender_addon.core.atomic_file import sync_folder, write_atomic
from blender_addon.core.held_files import discard
from server.engines.engine import Paused

log = logging.getLogger("realcam.worker")

STATE = "state"
"""The file in the job's folder."""
INTERVAL = 20.0
"""Seconds between two checkpoints while the server is not stopping."""


class FileCheckpoints:
    """Checkpoints in a file, see server.engines.engine.Checkpoints.

    Args:
        folder: the job's, outlives attempts.
        pausing: whether the server wants to stop.
    """

    def __init__(self, folder: Path, pausing: Callable[[], bool]) -> None:
        self._folder = folder
        self._pausing = pausing
        self._saved_at = time.monotonic()

    def load(self) -> bytes | None:
        """The last complete checkpoint of an earlier attempt; None when there is none."""
        try:
            data = (self._folder / STATE).read_bytes()
        except FileNotFoundError:
            return None
        return content_of(data)

    def due(self) -> bool:
        """Whether to save now. Cheap: ask after every step."""
        return self._pausing() or time.monotonic() - self._saved_at >= INTERVAL

    def save(self, data: bytes) -> None:
        """Replace the checkpoint.

        One that cannot be written is deleted, and the job goes on without: the disk space it took is then the clip's.

        Args:
            data: the state of the sampler.

        Raises:
            Paused: the server is stopping; let it pass through.
        """
        self._saved_at = time.monotonic()
        try:
            write_checkpoint(self._folder, data)
        except OSError as error:
            log.warning("a checkpoint of %d bytes cannot be written, the shot goes on without: %s", len(data), error)
            if not self._pausing():
                discard(self._folder)
        if self._pausing():
            raise Paused


def write_checkpoint(folder: Path, data: bytes) -> None:
    """Replace the checkpoint in a job's folder, which is made where missing.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / STATE, hashlib.sha256(data).digest() + data, sync=True)
    sync_folder(folder)


def content_of(file: bytes) -> bytes | None:
    """The state in the bytes of a checkpoint's file; None when they are not whole."""
    return file[32:] if hashlib.sha256(file[32:]).digest() == file[:32] else None
