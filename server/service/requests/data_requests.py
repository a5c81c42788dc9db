"""The server's answers on the data socket: it takes chunks of payloads and sends chunks of results."""

from __future__ import annotations

import logging
import mmap
import queue
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np

from blender_addon.core.errors import RealCamError
from blender_addon.core.held_files import is_held, patiently
from blender_addon.core.payloads.payload import decode_payload
from blender_addon.core.protocol.framing import Buffer, Frame, Received, encode
from blender_addon.core.protocol.messages import (
    ClientMessage,
    FileChunk,
    JobState,
    Limits,
    ReadChunk,
    RefusalCode,
    Refused,
    UploadChunk,
    UploadReceived,
)
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_record import Job
from server.service.jobs.job_states import Cause
from server.service.wakeup import Wakeup

from .control_requests import unknown_job
from .sessions import Sessions

log = logging.getLogger("realcam.data")

SETTLED_TOGETHER = 32
"""Most uploads that are settled in one go: the loop waits for the disk once for all of them."""

Checked = tuple[Cause | None, str] | OSError
"""How the check of an upload ended, see DataHandler._check."""


class DataHandler:
    """Takes uploads and gives out results. Use from the loop's thread.

    Args:
        manager: the jobs and their files.
        sessions: who is connected.
        wakeup: brings the outcome of a check back to the loop's thread.
        limits: sizes that clients must keep to.
        reply: sends frames to a route; a client that keeps to its credit always has room for them.
        pool: runs checksums, decoding and syncs.
    """

    def __init__(
        self,
        manager: JobManager,
        sessions: Sessions,
        wakeup: Wakeup,
        limits: Limits,
        reply: Callable[[bytes, list[Frame]], object],
        pool: Executor,
    ) -> None:
        self._manager = manager
        self._sessions = sessions
        self._wakeup = wakeup
        self._limits = limits
        self._reply = reply
        self._pool = pool
        self._verifying: dict[str, bytes] = {}
        """The connection to tell when the check of a job's upload ends: the latest one, if the client has
        reconnected.
        """
        self._ended = queue.SimpleQueue[tuple[Job, Checked]]()
        """Checks that have ended and are not settled."""

    def close(self) -> None:
        """Wait for checks that run; their uploads are settled at the next start."""
        self._pool.shutdown(wait=True)

    def handle(self, route: bytes, user: str, received: Received[ClientMessage]) -> None:
        """Answer one message.

        Args:
            route: the connection it came from.
            user: that connection's public key, Z85.
            received: the message and its buffers.
        """
        message = received.message
        if not isinstance(message, UploadChunk | ReadChunk):
            self._refuse(route, RefusalCode.MALFORMED, "This message does not belong on the data socket")
            return
        session = self._sessions.with_token(message.session)
        if session is None or session.owner != user:
            self._refuse(route, RefusalCode.NO_SESSION, "This session is not open", message.job_id)
            return
        self._sessions.note_active(session)
        job = self._manager.store.find(message.job_id)
        if job is None or job.owner != session.owner:
            self._reply(route, encode(unknown_job(message.job_id)))
        elif isinstance(message, ReadChunk):
            self._read(route, job, message)
        elif [(buffer.dtype.name, buffer.ndim) for buffer in received.buffers] != [("uint8", 1)]:
            self._refuse(route, RefusalCode.MALFORMED, "A chunk comes with one buffer of bytes", job.job_id)
        else:
            self._take(route, job, message.offset, received.buffers[0])

    def _take(self, route: bytes, job: Job, offset: int, data: Buffer) -> None:
        """Append a chunk and acknowledge it; the last chunk starts the check."""
        if job.state is not JobState.UPLOADING:
            self._acknowledge(route, job.job_id, job.nbytes, job.state)
            return
        if job.job_id in self._verifying:
            self._verifying[job.job_id] = route
            return
        held = self._manager.files.received(job.job_id)
        if offset + data.nbytes > job.nbytes or data.nbytes > self._limits.data_frame_bytes:
            self._refuse(route, RefusalCode.TOO_LARGE, "More bytes came than were announced", job.job_id)
            return
        if offset == held:
            try:
                held = self._manager.files.append(job.job_id, held, data.data)
            except OSError as error:
                self._not_stored(route, job, error)
                return
        if held < job.nbytes:
            self._acknowledge(route, job.job_id, held, JobState.UPLOADING)
            return
        self._verifying[job.job_id] = route
        future = self._pool.submit(self._check, job)
        future.add_done_callback(lambda done: self._note_checked(job, done.result()))

    def _check(self, job: Job) -> Checked:
        """Verify, decode and store an upload, in a thread of the pool.

        Returns:
            PAYLOAD_STORED, or PAYLOAD_REFUSED and why; (None, "") for a wrong checksum; the error when it could not be
                stored.
        """
        files = self._manager.files
        try:
            if not patiently(lambda: files.verify_upload(job.job_id, job.digest)):
                return None, ""
            engine = self._engine_asked(job.job_id)
            if engine != job.engine:
                return Cause.PAYLOAD_REFUSED, f"The payload is for the engine {engine}, the job for {job.engine}."
            files.store_payload(job.job_id)
        except RealCamError as error:
            return Cause.PAYLOAD_REFUSED, error.sentence
        except OSError as error:
            return error
        except Exception:
            # A client must not be able to end the server: a bug that its bytes trigger costs this payload alone.
            log.exception("the payload cannot be read", extra={"job": job.job_id})
            return Cause.PAYLOAD_REFUSED, "The server could not read the payload. Its log says why."
        return Cause.PAYLOAD_STORED, ""

    def _engine_asked(self, job_id: str) -> str:
        """The engine that an upload names, from decoding it; nothing holds on to the file afterwards.

        The worker decodes the same file again, on purpose: the server accepts nothing that it has not read itself, and
        the worker, a process of its own that may start days later, trusts no decoded arrays handed on by another.

        Raises:
            RealCamError: it is no payload.
            OSError: it cannot be read.
        """
        with self._manager.files.upload(job_id).open("rb") as stream:
            payload = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return decode_payload(memoryview(payload), self._limits).settings.engine

    def _note_checked(self, job: Job, outcome: Checked) -> None:
        """Have the loop settle a check that has ended. Called in a thread of the pool."""
        self._ended.put((job, outcome))
        self._wakeup.post(self._settle_checks)

    def _settle_checks(self) -> None:
        """Store how checks ended, those that have by now together, and tell the clients."""
        ended = list[tuple[Job, Checked]]()
        while not self._ended.empty() and len(ended) < SETTLED_TOGETHER:
            ended.append(self._ended.get())
        changes = list[tuple[Job, Cause, str]]()
        for job, outcome in ended:
            if isinstance(outcome, OSError):
                self._not_stored(self._verifying.pop(job.job_id), job, outcome)
            elif outcome[0] is None:
                answer = UploadReceived(job_id=job.job_id, received=0, state=JobState.UPLOADING, damaged=True)
                self._reply(self._verifying.pop(job.job_id), encode(answer))
            else:
                changes.append((job, outcome[0], outcome[1]))
        for (job, _, _), end in zip(changes, self._manager.move_together(changes), strict=True):
            self._settled(self._verifying.pop(job.job_id), job, end)

    def _settled(self, route: bytes, job: Job, end: Job | Exception) -> None:
        if isinstance(end, Job):
            self._acknowledge(route, end.job_id, end.nbytes, end.state)
        elif isinstance(end, sqlite3.OperationalError):
            self._no_room(route, job, str(end))
        else:
            # Cancelled, or forgotten, while it was checked.
            self._manager.files.discard_inputs(job.job_id)
            self._acknowledge(route, job.job_id, job.nbytes, JobState.CANCELLED)

    def _read(self, route: bytes, job: Job, message: ReadChunk) -> None:
        listed = {file.name: file for file in job.results}
        file = listed.get(message.name)
        if job.state is not JobState.DONE or file is None:
            self._refuse(route, RefusalCode.NOT_READY, "This job has no such file", job.job_id)
            return
        wanted = min(message.nbytes, self._limits.chunk_bytes, max(file.nbytes - message.offset, 0))
        try:
            with (self._manager.files.result_folder(job.job_id) / file.name).open("rb") as stream:
                stream.seek(message.offset)
                data = stream.read(wanted)
        except OSError as error:
            if is_held(error):
                self._reconnect(route, job, error)
                return
            log.error("job %s: %s", job.job_id, error, extra={"job": job.job_id})
            self._refuse(route, RefusalCode.NOT_READY, "The server cannot read this clip any more", job.job_id)
            return
        chunk = FileChunk(job_id=job.job_id, name=file.name, offset=message.offset)
        self._reply(route, encode(chunk, [np.frombuffer(data, dtype=np.uint8)]))

    def _reconnect(self, route: bytes, job: Job, error: OSError) -> None:
        """Have the client connect again and go on where it is: another program holds the job's file just now."""
        log.warning("job %s: %s; the client is to try again", job.job_id, error, extra={"job": job.job_id})
        self._refuse(route, RefusalCode.NO_SESSION, "A file of this job is in use, try again", job.job_id)

    def _not_stored(self, route: bytes, job: Job, error: OSError) -> None:
        if is_held(error):
            self._reconnect(route, job, error)
        else:
            log.warning("job %s: %s", job.job_id, error, extra={"job": job.job_id})
            self._no_room(route, job, error.strerror or str(error))

    def _no_room(self, route: bytes, job: Job, reason: str) -> None:
        free = shutil.disk_usage(self._manager.files.root).free
        refused = Refused(
            code=RefusalCode.NO_SPACE,
            what="The server cannot store the payload",
            why=f"{reason}; {free / 1e6:.1f} MB free, it takes {job.nbytes / 1e6:.1f} MB",
            remedy="Make room on the server and send it again: it goes on where it stopped.",
            job_id=job.job_id,
        )
        self._reply(route, encode(refused))

    def _acknowledge(self, route: bytes, job_id: str, received: int, state: JobState) -> None:
        self._reply(route, encode(UploadReceived(job_id=job_id, received=received, state=state)))

    def _refuse(self, route: bytes, code: RefusalCode, what: str, job_id: str = "") -> None:
        self._reply(route, encode(Refused(code=code, what=what, job_id=job_id)))
