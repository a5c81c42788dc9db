"""Disk space: what accepted jobs may still write, and a reserve so that states can be written when the disk is full."""

from __future__ import annotations

import logging
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from blender_addon.core.held_files import discard, remove_file

log = logging.getLogger("realcam.disk")

RESERVE_BYTES = 1024 * 1024
"""Enough for many transitions: the store's journal is kept below it."""


def room_to_run(payload_bytes: int, checkpoint_share: float) -> int:
    """The most bytes that a job has on the disk at a time beside its payload.

    These are its last checkpoint, and with it the next one or the clip, whose frames and mp4 together are smaller than
    the raw preview in the payload.

    Args:
        payload_bytes: size of the payload.
        checkpoint_share: the largest checkpoint as a share of the payload, from the engine's capability.
    """
    checkpoint = math.ceil(checkpoint_share * payload_bytes)
    return checkpoint + max(checkpoint, payload_bytes)


def promised(payloads: Mapping[str, int], missing: int, checkpoint_shares: Mapping[str, float]) -> int:
    """The bytes that accepted jobs may still write.

    Args:
        payloads: size of the payloads of all jobs that have not ended, by engine.
        missing: bytes of these payloads that have not come yet.
        checkpoint_shares: largest checkpoint as a share of the payload, by engine.
    """
    return missing + sum(room_to_run(nbytes, checkpoint_shares.get(engine, 0.0)) for engine, nbytes in payloads.items())


class Disk:
    """The file system that holds the jobs, and the reserve on it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # The reserve's file name in existing data directories.
        self._reserve = root / "ballast"

    def free(self) -> int:
        """The free bytes."""
        return shutil.disk_usage(self._root).free

    def release_reserve(self) -> bool:
        """Delete the reserve, so that states can still be written.

        Returns:
            False when it was released before, or another program holds it now.
        """
        try:
            remove_file(self._reserve, patience=0.0, missing_ok=False)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                log.error("the disk is full and its reserve cannot be given up now: %s", error)
            return False
        log.error("the disk is full: the reserve of %d bytes was given up", RESERVE_BYTES)
        return True

    def keep_reserve(self, keep_free: int) -> None:
        """Write the reserve again once there is room for it beside `keep_free` bytes."""
        try:
            if self._reserve.exists() or self.free() < keep_free + RESERVE_BYTES:
                return
            # Random bytes: a sparse or compressed file would reserve nothing.
            with self._reserve.open("wb") as stream:
                stream.write(os.urandom(RESERVE_BYTES))
        except OSError:
            discard(self._reserve)
