"""The files of the attempt that runs on a node: they come and go in chunks, as no disk is shared with the server.

<folder>/payload             as the client sent it
<folder>/checkpoints/state   see server.service.workers.checkpoints
<folder>/work/               what the engine's process writes
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from blender_addon.core.errors import WireError
from blender_addon.core.held_files import discard, remove_file
from blender_addon.core.protocol.messages import ResultFile
from server.service.workers.checkpoints import STATE

PREFIX = "realcam-node-"
LEAST_ROOM = 64 * 1024 * 1024
"""Bytes that a node's disk must have for a worker to start there."""


class NodeFiles:
    """A folder on this node, of this process, for one attempt at a time."""

    def __init__(self) -> None:
        _remove_left_folders()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))

    @property
    def payload(self) -> Path:
        """The payload."""
        return self.folder / "payload"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoint."""
        return self.folder / "checkpoints"

    @property
    def state(self) -> Path:
        """The checkpoint."""
        return self.checkpoints / STATE

    @property
    def work(self) -> Path:
        """The folder of the results."""
        return self.folder / "work"

    def room(self) -> int:
        """Bytes that are free on its disk."""
        return shutil.disk_usage(self.folder).free

    def clear(self) -> None:
        """Delete what an attempt left."""
        remove_file(self.payload)
        for folder in (self.checkpoints, self.work):
            discard(folder)

    def give(self, name: str, offset: int, data: bytes) -> None:
        """Write a chunk.

        Args:
            name: "payload", or "state" for the checkpoint.
            offset: of the chunk, which is the file's length so far.
            data: its bytes.

        Raises:
            WireError: a chunk is missing before it.
            OSError: it cannot be written.
        """
        path = {"payload": self.payload, "state": self.state}[name]
        path.parent.mkdir(exist_ok=True)
        with path.open("ab" if offset else "wb") as stream:
            if stream.tell() != offset:
                raise WireError("A chunk of a job's file is missing", f"{name}: {stream.tell()} bytes, next {offset}")
            stream.write(data)

    def digest(self) -> str:
        """SHA-256 of the payload, hexadecimal."""
        with self.payload.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def read_state(self, offset: int, nbytes: int) -> bytes:
        """A chunk of the checkpoint."""
        with self.state.open("rb") as stream:
            stream.seek(offset)
            return stream.read(nbytes)

    def read_results(self, files: Sequence[ResultFile], offset: int, nbytes: int) -> bytes:
        """A chunk of the results, as if they were one file.

        Args:
            files: the results, in their order.
            offset: of the chunk in all of them together.
            nbytes: its length at most.
        """
        parts, begin = list[bytes](), 0
        for file in files:
            end = begin + file.nbytes
            if nbytes > 0 and offset < end:
                with (self.work / file.name).open("rb") as stream:
                    stream.seek(offset - begin)
                    part = stream.read(min(nbytes, end - offset))
                parts.append(part)
                offset, nbytes = offset + len(part), nbytes - len(part)
                if offset < end:
                    break
            begin = end
        return b"".join(parts)

    def remove(self) -> None:
        """Delete the folder."""
        discard(self.folder)


def _remove_left_folders() -> None:
    """Delete folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            discard(folder)
