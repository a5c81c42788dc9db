"""Transfers over the data socket: a payload up, results down, in chunks with credit, resumed where they stopped."""

from __future__ import annotations

import errno
import hashlib
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ..errors import ErrorCode, ServiceError
from ..held_files import patiently, remove_file, replace_path
from ..progress import JobProgress, OnProgress
from .client_session import ConnectionLostError, Interrupted, Session, refusal
from .messages import (
    FileChunk,
    JobState,
    ReadChunk,
    RefusalCode,
    Refused,
    ResultFile,
    UploadChunk,
    UploadReceived,
)

SENDING, FETCHING = "Sending", "Fetching"
"""Names of the two stages; their progress is counted in bytes."""
CHUNK_SECONDS = 60.0
"""How long one chunk may take: 1 MiB in 60 s is the slowest link that works."""
VERIFY_SECONDS = 300.0
"""How long the server may take to verify and sync the largest payload."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk."""


class _Piece(NamedTuple):
    file: ResultFile
    offset: int
    nbytes: int


def upload(
    session: Session,
    job_id: str,
    payload: bytes | memoryview,
    received: int,
    on_progress: OnProgress,
    interrupted: Interrupted,
) -> None:
    """Send a payload from byte `received` on; returns when the server has accepted it.

    Args:
        session: an open session.
        job_id: a job in UPLOADING.
        payload: all its bytes.
        received: bytes that the server has already.
        on_progress: called with the bytes that the server has, of all.
        interrupted: asked during every wait.

    Raises:
        ConnectionLostError: connect again and call this again.
        ServiceError: the server refused it, or it arrived damaged three times.
    """
    limits = session.welcome.limits
    total = len(payload)
    data = np.frombuffer(payload, dtype=np.uint8)
    sent = received
    restarts = 0
    if sent == total:
        # All bytes are there from an earlier connection: an empty chunk at the end asks for the outcome of the check.
        session.send("data", UploadChunk(session=session.welcome.session, job_id=job_id, offset=sent), [data[sent:]])
    while True:
        while sent < total and sent - received < limits.chunk_bytes * limits.chunks_in_flight:
            chunk = data[sent : sent + limits.chunk_bytes]
            message = UploadChunk(session=session.welcome.session, job_id=job_id, offset=sent)
            session.send("data", message, [chunk])
            sent += len(chunk)
        answer = _next(session, UploadReceived, VERIFY_SECONDS if sent == total else CHUNK_SECONDS, interrupted)
        if answer.job_id != job_id:
            continue
        if answer.state is not JobState.UPLOADING:
            on_progress(JobProgress(total, total, SENDING))
            return
        if answer.damaged:
            restarts += 1
            if restarts > 2:
                raise ServiceError(
                    "The shot arrives damaged on the server",
                    f"its checksum was wrong {restarts} times",
                    "Try again; if it stays so, the network or the server's disk is at fault.",
                    code=RefusalCode.MALFORMED,
                )
            sent = received = 0
        received = max(received, answer.received)
        on_progress(JobProgress(received, total, SENDING))


def fetch_files(
    session: Session,
    job_id: str,
    files: Sequence[ResultFile],
    folder: Path,
    on_progress: OnProgress,
    interrupted: Interrupted,
) -> list[Path]:
    """The paths of results of a DONE job in `folder`; complete files that are there are left alone.

    Args:
        session: an open session.
        job_id: the job.
        files: the results to fetch.
        folder: made where missing.
        on_progress: called with the bytes that are here, of all.
        interrupted: asked during every wait.

    Raises:
        ConnectionLostError: connect again and call this again.
        ServiceError: the server refused, a file arrived damaged, or the folder has no room or cannot be written.
    """
    total = sum(file.nbytes for file in files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [file for file in files if not _is_whole(folder / file.name, file)]
        _check_room(folder, missing)
        done = total - sum(file.nbytes - _held(folder, file) for file in missing)

        def on_new(nbytes: int) -> None:
            on_progress(JobProgress(done + nbytes, total, FETCHING))

        on_new(0)
        _fetch_pieces(session, job_id, folder, missing, on_new, interrupted)
    except OSError as error:
        raise _disk_error(error, folder, total) from error
    return [folder / file.name for file in files]


def _fetch_pieces(
    session: Session,
    job_id: str,
    folder: Path,
    files: list[ResultFile],
    on_new: Callable[[int], None],
    interrupted: Interrupted,
) -> None:
    limits = session.welcome.limits
    pieces = _pieces(folder, files, limits.chunk_bytes)
    asked: deque[_Piece] = deque()
    new = 0
    part: IO[bytes] | None = None
    try:
        while True:
            while len(asked) < limits.chunks_in_flight and (piece := next(pieces, None)) is not None:
                request = ReadChunk(
                    session=session.welcome.session,
                    job_id=job_id,
                    name=piece.file.name,
                    offset=piece.offset,
                    nbytes=piece.nbytes,
                )
                session.send("data", request)
                asked.append(piece)
            if not asked:
                return
            piece = asked.popleft()
            data = _next_chunk(session, job_id, piece, interrupted)
            if part is None:
                part = _open_part(_part(folder / piece.file.name), piece.offset)
            part.write(data)
            new += len(data)
            on_new(new)
            if piece.offset + piece.nbytes == piece.file.nbytes:
                part.close()
                part = None
                _accept(folder / piece.file.name, piece.file)
    finally:
        if part is not None:
            part.close()


def _pieces(folder: Path, files: list[ResultFile], chunk: int) -> Iterator[_Piece]:
    """The chunks that are still missing, in file order; an empty file is one chunk of no bytes."""
    for file in files:
        start = _held(folder, file)
        if start == file.nbytes:
            start = max(0, file.nbytes - 1)
        for offset in range(start, max(file.nbytes, 1), chunk):
            yield _Piece(file, offset, min(chunk, file.nbytes - offset))


def _next_chunk(session: Session, job_id: str, piece: _Piece, interrupted: Interrupted) -> bytes:
    deadline = time.monotonic() + CHUNK_SECONDS
    while True:
        try:
            received = session.receive("data", max(deadline - time.monotonic(), 0.001), interrupted)
        except TimeoutError as error:
            raise ConnectionLostError(session.address, f"no data within {CHUNK_SECONDS:.0f} s") from error
        message = received.message
        if isinstance(message, Refused):
            _refused(session, message)
        if (
            isinstance(message, FileChunk)
            and (message.job_id, message.name, message.offset) == (job_id, piece.file.name, piece.offset)
            and len(received.buffers) == 1
            and received.buffers[0].nbytes == piece.nbytes
        ):
            return received.buffers[0].tobytes()


def _next(session: Session, kind: type[UploadReceived], seconds: float, interrupted: Interrupted) -> UploadReceived:
    deadline = time.monotonic() + seconds
    while True:
        try:
            message = session.receive("data", max(deadline - time.monotonic(), 0.001), interrupted).message
        except TimeoutError as error:
            raise ConnectionLostError(session.address, f"no acknowledgement within {seconds:.0f} s") from error
        if isinstance(message, Refused):
            _refused(session, message)
        if isinstance(message, kind):
            return message


def _refused(session: Session, message: Refused) -> None:
    if message.code is RefusalCode.NO_SESSION:
        raise ConnectionLostError(session.address, "the server has closed this session")
    raise refusal(message)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _held(folder: Path, file: ResultFile) -> int:
    """Bytes of an earlier, interrupted fetch that can be kept."""
    part = _part(folder / file.name)
    held = part.stat().st_size if part.is_file() else 0
    return held if held <= file.nbytes else 0


def _open_part(path: Path, offset: int) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = patiently(lambda: path.open("r+b" if path.exists() else "wb"))
    part.seek(offset)
    part.truncate()
    return part


def _accept(path: Path, file: ResultFile) -> None:
    """Give a complete file its name, or delete it when its checksum is wrong."""
    part = _part(path)
    found = _sha256(part)
    if found != file.sha256:
        remove_file(part)
        raise ServiceError(
            "A file arrived damaged",
            f"{file.name}: sha256 {found[:12]} instead of {file.sha256[:12]}",
            "Fetch it again.",
            code=ErrorCode.DAMAGED,
        )
    replace_path(part, path)


def _is_whole(path: Path, file: ResultFile) -> bool:
    return path.is_file() and path.stat().st_size == file.nbytes and _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_room(folder: Path, missing: list[ResultFile]) -> None:
    needed = sum(file.nbytes - _held(folder, file) for file in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise _disk_full(folder, needed, free)


def _disk_full(folder: Path, needed: int, free: int) -> ServiceError:
    return ServiceError(
        "The disk is too full for the clip",
        f"{folder} has {free / 1e6:.1f} MB free, the rest of the clip takes {needed / 1e6:.1f} MB",
        "Make room and fetch again: it goes on where it stopped, and the server keeps the clip.",
        code=ErrorCode.DISK_FULL,
    )


def _disk_error(error: OSError, folder: Path, total: int) -> ServiceError:
    if error.errno in FULL:
        free = shutil.disk_usage(folder).free
        return _disk_full(folder, total, free)
    return ServiceError(
        "The clip cannot be written",
        f"{folder}: {error.strerror or error}",
        "Choose a folder you may write to and fetch again; the server keeps the clip.",
        code=ErrorCode.NOT_WRITABLE,
    )
