"""The files of an attempt on the server's disk, as they go to a node and come back from it.

What a node sends is checked before the service sees it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from blender_addon.core.atomic_file import sync_file, sync_folder
from blender_addon.core.errors import WireError
from blender_addon.core.protocol.messages import Limits, ResultFile
from server.service.jobs.job_files import MANIFEST, Manifest
from server.service.workers.checkpoints import content_of, write_checkpoint
from server.service.workers.worker_messages import Finished, RunJob

CHUNK = 8 * 1024 * 1024
"""Bytes that cross at a time: the smallest object store of Ray holds nine of them, so that no payload is too large."""
BESIDE_FRAMES = 16
"""Most result files beside a clip's frames."""

ReadChunk = Callable[[int, int], bytes]
"""Reads bytes of a node's file: offset and length to bytes."""


def chunks(path: Path) -> Iterator[tuple[int, bytes]]:
    """The chunks of a file with their offsets; one of b"" for an empty file."""
    with path.open("rb") as stream:
        offset = 0
        while True:
            data = stream.read(CHUNK)
            if data or offset == 0:
                yield offset, data
            if len(data) < CHUNK:
                return
            offset += len(data)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def most_bytes(limits: Limits) -> int:
    """Bytes that the results of one job may have: twice those of the largest clip's pixels."""
    return 2 * limits.frames * limits.side * limits.side * 3


def check_listing(files: tuple[ResultFile, ...], limits: Limits) -> None:
    """Check what a node says that it made, before a byte of it is asked for.

    Raises:
        WireError: there are too many files, they are too large, or a name comes twice.
    """
    most = limits.frames + BESIDE_FRAMES
    if not 0 < len(files) <= most:
        raise WireError("A node's results are not taken", f"{len(files)} files, expected 1 to {most}")
    if len({file.name for file in files}) != len(files):
        raise WireError("A node's results are not taken", "two files have one name")
    nbytes = sum(file.nbytes for file in files)
    if nbytes > most_bytes(limits):
        raise WireError("A node's results are not taken", f"{nbytes} bytes, more than {most_bytes(limits)}")


def store_results(order: RunJob, finished: Finished, read: ReadChunk) -> None:
    """Write the results of an attempt to its work folder and sync them, the manifest last.

    Args:
        order: the attempt; its work folder does not exist yet.
        finished: what the node says of it.
        read: reads the results as if they were one file.

    Raises:
        WireError: they are not what the node said.
        OSError: they cannot be written.
    """
    check_listing(finished.results, order.limits)
    folder = Path(order.work)
    folder.mkdir(parents=True)
    source = _Joined(read, sum(file.nbytes for file in finished.results))
    for file in finished.results:
        path = folder / file.name
        path.parent.mkdir(exist_ok=True)
        digest = hashlib.sha256()
        with path.open("wb") as stream:
            for data in source.take(file.nbytes):
                digest.update(data)
                stream.write(data)
        if digest.hexdigest() != file.sha256:
            found = digest.hexdigest()[:12]
            raise WireError("A node's results are damaged", f"{file.name}: sha256 {found}, not {file.sha256[:12]}")
        sync_file(path)
    manifest = Manifest(
        job_id=order.job_id,
        attempt=order.attempt,
        engine_seconds=finished.engine_seconds,
        results=finished.results,
        clip_pixels=finished.clip_pixels,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    sync_file(folder / MANIFEST)
    for inner in filter(Path.is_dir, folder.iterdir()):
        sync_folder(inner)
    sync_folder(folder)


class _Joined:
    """Reads the results in chunks, and hands them out file by file."""

    def __init__(self, read: ReadChunk, nbytes: int) -> None:
        self._read = read
        self._nbytes = nbytes
        self._offset = 0
        self._chunk = memoryview(b"")

    def take(self, nbytes: int) -> Iterator[memoryview]:
        """The next bytes.

        Raises:
            WireError: there are fewer.
        """
        while nbytes > 0:
            if not self._chunk:
                wanted = min(CHUNK, self._nbytes - self._offset)
                self._chunk = memoryview(self._read(self._offset, wanted))
                if len(self._chunk) != wanted:
                    raise WireError("A node's results are damaged", f"{len(self._chunk)} bytes, expected {wanted}")
                self._offset += wanted
            part, self._chunk = self._chunk[:nbytes], self._chunk[nbytes:]
            nbytes -= len(part)
            yield part


def store_checkpoint(order: RunJob, nbytes: int, read: ReadChunk, most: int) -> bool:
    """Replace the attempt's checkpoint by the one of its node.

    Args:
        order: the attempt.
        nbytes: its size with its checksum.
        read: reads it.
        most: bytes that a checkpoint may have.

    Returns:
        Whether it is stored: not when it is too large, or was replaced while it was read (another follows then).

    Raises:
        OSError: it cannot be written.
    """
    if nbytes > most:
        return False
    parts = list[bytes]()
    for offset in range(0, nbytes, CHUNK):
        parts.append(read(offset, min(CHUNK, nbytes - offset)))
    data = b"".join(parts)
    content = content_of(data) if len(data) == nbytes else None
    if content is not None:
        write_checkpoint(Path(order.checkpoints), content)
    return content is not None
