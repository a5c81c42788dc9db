"""What is known of a job, as it is read from the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from blender_addon.core.protocol.messages import JobState, JobStatus, ResultFile

from .job_states import JobLifecycle

COLUMNS = (
    "number, job_id, owner, digest, nbytes, engine, title, state, attempt, losses, cancel_requested, sequence,"
    " reason, submitted_at, finished_at, fetched_at, engine_seconds, results, result_bytes"
)
"""The columns of the table of jobs that `job_of_row` takes, in its order."""


@dataclass(frozen=True)
class Job:
    """One job record.

    Attributes:
        number: order of submission.
        job_id: chosen by the client.
        owner: the client's public key, Z85.
        digest: SHA-256 of the payload, hexadecimal.
        nbytes: size of the payload.
        engine: name of the engine.
        title: the job's name for people.
        lifecycle: state, attempt, worker crashes and cancel request.
        sequence: number of its latest state event.
        reason: why it is in this state, in words; "" for no reason.
        submitted_at: seconds since the epoch, as all times here.
        finished_at: when it ended; 0 before.
        fetched_at: when its owner had all results; 0 before.
        engine_seconds: how long the engine took; 0 before it is done.
        packed_results: the list of result files as msgpack. It is decoded only by `results`: a long history is mostly
            read without it.
        result_bytes: size of all result files together.
    """

    number: int
    job_id: str
    owner: str
    digest: str
    nbytes: int
    engine: str
    title: str
    lifecycle: JobLifecycle
    sequence: int
    reason: str
    submitted_at: float
    finished_at: float
    fetched_at: float
    engine_seconds: float
    packed_results: bytes
    result_bytes: int

    @property
    def results(self) -> tuple[ResultFile, ...]:
        """The files of a finished job, decoded; empty before."""
        return msgspec.msgpack.decode(self.packed_results, type=tuple[ResultFile, ...])

    @property
    def state(self) -> JobState:
        """The state in `lifecycle`."""
        return self.lifecycle.state

    @property
    def attempt(self) -> int:
        """The attempt in `lifecycle`."""
        return self.lifecycle.attempt

    def status(self, received: int = 0, queue_place: int = 0) -> JobStatus:
        """The job's status as it goes over the wire.

        Args:
            received: bytes of the payload that the server has.
            queue_place: how many jobs run before it.
        """
        return JobStatus(
            job_id=self.job_id,
            state=self.state,
            engine=self.engine,
            title=self.title,
            attempt=self.attempt,
            received=received,
            sequence=self.sequence,
            queue_place=queue_place,
            reason=self.reason,
            submitted_at=self.submitted_at,
            finished_at=self.finished_at,
            fetched_at=self.fetched_at,
            engine_seconds=self.engine_seconds,
            cancel_requested=self.lifecycle.cancel_requested,
            results=self.results,
        )


def job_of_row(row: tuple[Any, ...]) -> Job:
    """The job of a row of COLUMNS."""
    number, job_id, owner, digest, nbytes, engine, title, state, attempt, worker_crashes, cancel, sequence, *rest = row
    reason, submitted_at, finished_at, fetched_at, engine_seconds, packed_results, result_bytes = rest
    return Job(
        number=number,
        job_id=job_id,
        owner=owner,
        digest=digest,
        nbytes=nbytes,
        engine=engine,
        title=title,
        lifecycle=JobLifecycle(JobState(state), attempt, worker_crashes, bool(cancel)),
        sequence=sequence,
        reason=reason,
        submitted_at=submitted_at,
        finished_at=finished_at,
        fetched_at=fetched_at,
        engine_seconds=engine_seconds,
        packed_results=packed_results,
        result_bytes=result_bytes,
    )
