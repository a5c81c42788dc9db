"""The durable record of every job, in SQLite: one connection, one thread. A change is on disk when a method returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.core.protocol.messages import JobState, JobStatus, ResultFile, StateEvent

from .job_schema import DAMAGED_REMEDY, migrate
from .job_states import Cause, JobLifecycle, after

_COLUMNS = (
    "number, job_id, owner, digest, nbytes, engine, title, state, attempt, losses, cancel_requested, sequence,"
    " reason, submitted_at, finished_at, fetched_at, engine_seconds, results, result_bytes"
)
_UNFINISHED = tuple(state.value for state in JobState if not state.final)


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


class StaleJobError(Exception):
    """The stored job is in another state or attempt than the caller's, or is gone; nothing was changed."""


class JobStore:
    """All job records, in one SQLite file. Use from one thread. Methods that write raise sqlite3.OperationalError on a
    full disk.

    Args:
        path: the file; made, or migrated from an earlier version.

    Raises:
        ServiceError: the file is in use by another server, damaged, or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            # Pages of 4 KiB: the journal stays small enough for the disk's reserve (disk.py).
            self._connection.execute("PRAGMA wal_autocheckpoint = 100")
            self._connection.execute("PRAGMA foreign_keys = ON")
            # KiB: small, so that memory does not grow with the history; the system caches the file anyway.
            self._connection.execute("PRAGMA cache_size = -256")
            migrate(self._connection)
        except sqlite3.OperationalError as error:
            self._connection.close()
            # The upper bits say which kind of busy it is.
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            raise ServiceError(
                "The job store cannot be opened",
                f"{path}: {error}",
                "Another server may be using this data directory: stop it, or give --data-dir another one.",
                code=ErrorCode.STORE_IN_USE if is_busy else "",
            ) from error
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise ServiceError(
                "The job store is damaged",
                f"{path}: {error}",
                DAMAGED_REMEDY,
            ) from error
        except ServiceError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Write the journal into the file and close it."""
        self._connection.close()

    def create(self, job_id: str, owner: str, digest: str, nbytes: int, engine: str, title: str, at: float) -> Job:
        """A new job in UPLOADING, stored with its first event.

        Args:
            job_id: an id that no job has.
            owner: the client's public key, Z85.
            digest: SHA-256 of the payload, hexadecimal.
            nbytes: size of the payload.
            engine: name of the engine.
            title: the job's name for people.
            at: seconds since the epoch.
        """
        with self._transaction():
            self._connection.execute(
                "INSERT INTO jobs (job_id, owner, digest, nbytes, engine, title, state, submitted_at, sequence)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                (job_id, owner, digest, nbytes, engine, title, JobState.UPLOADING.value, at),
            )
            self._insert_event(job_id, 1, JobState.UPLOADING, 0, at, "")
        return self.get(job_id)

    def find(self, job_id: str) -> Job | None:
        """The job of this id, or None."""
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        return None if row is None else _job(row)

    def get(self, job_id: str) -> Job:
        """The job of this id.

        Raises:
            StaleJobError: there is none.
        """
        job = self.find(job_id)
        if job is None:
            raise StaleJobError(job_id)
        return job

    def of_owner(self, owner: str, most: int) -> list[Job]:
        """The owner's jobs, at most `most`, newest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM jobs WHERE owner = ? ORDER BY number DESC LIMIT ?", (owner, most)
        )
        return [_job(row) for row in rows]

    def ended_without_clip(self, owner: str, beyond: int) -> list[Job]:
        """The owner's jobs that failed or were cancelled, newest first, without the newest `beyond`."""
        rows = self._connection.execute(
            # The + keeps SQLite from the owner's index: such jobs are few, all of the owner's may be many.
            f"SELECT {_COLUMNS} FROM jobs WHERE +owner = ? AND state IN (?, ?) ORDER BY number DESC LIMIT -1 OFFSET ?",
            (owner, JobState.FAILED.value, JobState.CANCELLED.value, beyond),
        )
        return [_job(row) for row in rows]

    def in_states(self, *states: JobState) -> list[Job]:
        """The jobs in any of these states, oldest first."""
        return sorted(self.each_in_states(*states), key=lambda job: job.number)

    def each_in_states(self, *states: JobState) -> Iterator[Job]:
        """The jobs in these states, state by state, oldest first in each.

        They are read one at a time: a server's history is long.
        """
        for state in states:
            # One query for each state: the index gives its order, several states would be sorted in memory.
            query = f"SELECT {_COLUMNS} FROM jobs WHERE state = ? ORDER BY number"
            yield from map(_job, self._connection.execute(query, (state.value,)))

    def counts(self) -> dict[str, int]:
        """The number of jobs by state."""
        return dict(self._connection.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())

    def latest_clips(self, engine: str, most: int) -> list[tuple[float, int]]:
        """The newest clips of an engine that were made in one attempt, at most `most`, newest first.

        Args:
            engine: its name.
            most: how many.

        Returns:
            Of each (seconds that the engine took, pixels of all frames together).
        """
        return self._connection.execute(
            "SELECT engine_seconds, clip_pixels FROM jobs WHERE engine = ? AND clip_pixels > 0 AND attempt = 1"
            " AND state = ? ORDER BY number DESC LIMIT ?",
            (engine, JobState.DONE.value, most),
        ).fetchall()

    def unfinished_of(self, owner: str) -> int:
        """The number of this owner's jobs that have not ended."""
        marks = ", ".join("?" * len(_UNFINISHED))
        (count,) = self._connection.execute(
            f"SELECT count(*) FROM jobs WHERE +owner = ? AND state IN ({marks})", (owner, *_UNFINISHED)
        ).fetchone()
        return int(count)

    def apply(
        self,
        job: Job,
        cause: Cause,
        at: float,
        reason: str = "",
        *,
        results: tuple[ResultFile, ...] = (),
        engine_seconds: float = 0.0,
        clip_pixels: int = 0,
    ) -> Job:
        """The job after `cause`, stored in one UPDATE that is fenced by its state and attempt. A change of state adds
        an event.

        Args:
            job: the job as the caller last saw it.
            cause: what happened to it.
            at: seconds since the epoch.
            reason: why, in words; "" keeps the job's.
            results: the result files; empty keeps the job's.
            engine_seconds: how long the engine took; 0 keeps the job's.
            clip_pixels: of all frames of its clip together; 0 keeps the job's.

        Raises:
            ImpossibleTransitionError: the cause cannot happen to a job in its state. The store is unchanged.
            StaleJobError: the stored job is in another state or attempt than `job`. The store is unchanged.
        """
        here, there = job.lifecycle, after(job.lifecycle, cause)
        moved = there.state is not here.state
        sequence = job.sequence + moved
        packed, nbytes = job.packed_results, job.result_bytes
        if results:
            packed, nbytes = msgspec.msgpack.encode(results), sum(file.nbytes for file in results)
        with self._transaction():
            changed = self._connection.execute(
                "UPDATE jobs SET state = ?, attempt = ?, losses = ?, cancel_requested = ?, sequence = ?, reason = ?,"
                " finished_at = ?, engine_seconds = ?, clip_pixels = max(clip_pixels, ?), results = ?, result_bytes = ?"
                " WHERE job_id = ? AND state = ? AND attempt = ?",
                (
                    there.state.value,
                    there.attempt,
                    there.worker_crashes,
                    there.cancel_requested,
                    sequence,
                    reason or job.reason,
                    at if there.state.final else 0.0,
                    engine_seconds or job.engine_seconds,
                    clip_pixels,
                    packed,
                    nbytes,
                    job.job_id,
                    here.state.value,
                    here.attempt,
                ),
            ).rowcount
            if changed != 1:
                raise StaleJobError(f"{job.job_id} is no longer {here.state} at attempt {here.attempt}")
            if moved:
                self._insert_event(job.job_id, sequence, there.state, there.attempt, at, reason)
        return self.get(job.job_id)

    def note_fetched(self, job_id: str, at: float) -> Job:
        """The job, marked as fetched: its owner has all results. The first time counts.

        Args:
            job_id: which job.
            at: seconds since the epoch.

        Raises:
            StaleJobError: there is no such job.
        """
        self._connection.execute("UPDATE jobs SET fetched_at = ? WHERE job_id = ? AND fetched_at = 0", (at, job_id))
        return self.get(job_id)

    def events_after(self, job_id: str, sequence: int) -> list[StateEvent]:
        """The job's state events after `sequence`, in order."""
        rows = self._connection.execute(
            "SELECT job_id, sequence, state, attempt, at, reason FROM events WHERE job_id = ? AND sequence > ?"
            " ORDER BY sequence",
            (job_id, sequence),
        )
        return [
            StateEvent(job_id=i, sequence=n, state=JobState(s), attempt=a, at=t, reason=r) for i, n, s, a, t, r in rows
        ]

    def forget(self, job_ids: Iterable[str]) -> None:
        """Remove jobs and their events."""
        with self._transaction():
            self._connection.executemany("DELETE FROM jobs WHERE job_id = ?", [(job_id,) for job_id in job_ids])

    def _insert_event(self, job_id: str, sequence: int, state: JobState, attempt: int, at: float, why: str) -> None:
        self._connection.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (job_id, sequence, state.value, attempt, at, why)
        )

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK on any exception."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._connection.execute("ROLLBACK")
            return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _job(row: tuple[Any, ...]) -> Job:
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
