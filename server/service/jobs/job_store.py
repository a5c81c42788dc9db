"""The durable record of every job, in SQLite: one connection, one thread. A change is on disk when a method returns.

Three changes are only with the system then, which the end of any process does not undo, but a loss of power can: that a
job was submitted whose payload has not come, that its clip was made but has no place yet, and that its owner has its
results. Nothing was promised on them: the client submits such a job again, the clip is made again, and results are kept
longer. Each change that follows brings them to the disk.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.core.protocol.messages import JobState, ResultFile, StateEvent

from .job_record import COLUMNS, Job, job_of_row
from .job_schema import DAMAGED_REMEDY, SCHEMA_VERSION, migrate
from .job_states import Cause, after

# The conditions of partial indexes, in the words of job_schema.py: SQLite takes such an index only for these.
_UNFINISHED = "state IN ('uploading', 'queued', 'running', 'finalizing')"
_ENDED = "state IN ('done', 'failed', 'cancelled')"
_WITHOUT_CLIP = "state IN ('failed', 'cancelled')"

_UPDATE = (
    "UPDATE jobs SET state = :state, attempt = :attempt, losses = :losses, cancel_requested = :cancel_requested,"
    " sequence = :sequence, reason = :reason, finished_at = :finished_at, engine_seconds = :engine_seconds,"
    " clip_pixels = max(clip_pixels, :clip_pixels), results = :results, result_bytes = :result_bytes"
    " WHERE job_id = :job_id AND state = :here AND attempt = :here_attempt"
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
            self._counts, self._result_bytes = self._totals()
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
        with self._transaction(at_once=False):
            self._connection.execute(
                "INSERT INTO jobs (job_id, owner, digest, nbytes, engine, title, state, submitted_at, sequence)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                (job_id, owner, digest, nbytes, engine, title, JobState.UPLOADING.value, at),
            )
            self._insert_event(job_id, 1, JobState.UPLOADING, 0, at, "")
        self._counts[JobState.UPLOADING.value] += 1
        return self.get(job_id)

    def find(self, job_id: str) -> Job | None:
        """The job of this id, or None."""
        row = self._connection.execute(f"SELECT {COLUMNS} FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        return None if row is None else job_of_row(row)

    def get(self, job_id: str) -> Job:
        """The job of this id.

        Raises:
            StaleJobError: there is none.
        """
        job = self.find(job_id)
        if job is None:
            raise StaleJobError(job_id)
        return job

    def is_done(self, job_id: str) -> bool:
        """Whether there is a finished job of this id."""
        found = self._connection.execute("SELECT 1 FROM jobs WHERE job_id = ? AND state = 'done'", (job_id,)).fetchone()
        return found is not None

    def of_owner(self, owner: str, most: int) -> list[Job]:
        """The owner's jobs, at most `most`, newest first."""
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM jobs WHERE owner = ? ORDER BY number DESC LIMIT ?", (owner, most)
        )
        return [job_of_row(row) for row in rows]

    def ended_without_clip(self, owner: str, beyond: int) -> list[str]:
        """Ids of the owner's jobs that failed or were cancelled, newest first, without the newest `beyond`."""
        rows = self._connection.execute(
            f"SELECT job_id FROM jobs WHERE owner = ? AND {_WITHOUT_CLIP} ORDER BY number DESC LIMIT -1 OFFSET ?",
            (owner, beyond),
        )
        return [job_id for (job_id,) in rows]

    def prunable(self, owner: str, before: float, unfetched: bool, most: int) -> list[str]:
        """Ids of the owner's jobs that ended, newest first.

        Args:
            owner: whose.
            before: those that ended by then, seconds since the epoch.
            unfetched: also clips that were not fetched.
            most: how many at most.
        """
        rows = self._connection.execute(
            f"SELECT job_id FROM jobs WHERE owner = ? AND {_ENDED} AND finished_at <= ?"
            " AND (? OR fetched_at > 0 OR state <> 'done') ORDER BY number DESC LIMIT ?",
            (owner, before, unfetched, most),
        )
        return [job_id for (job_id,) in rows]

    def in_states(self, *states: JobState) -> list[Job]:
        """The jobs in any of these states, oldest first."""
        found = list[Job]()
        for state in states:
            # One query for each state: the index gives its order, several states would be sorted in memory.
            kind = _ENDED if state.final else _UNFINISHED
            query = f"SELECT {COLUMNS} FROM jobs WHERE state = ? AND {kind} ORDER BY number"
            found.extend(map(job_of_row, self._connection.execute(query, (state.value,))))
        return sorted(found, key=lambda job: job.number)

    def waiting(self) -> list[tuple[int, str, str, str]]:
        """Of each queued job (its number, its id, its owner, its engine), oldest first."""
        return self._connection.execute(
            f"SELECT number, job_id, owner, engine FROM jobs WHERE state = ? AND {_UNFINISHED} ORDER BY number",
            (JobState.QUEUED.value,),
        ).fetchall()

    def uploading(self) -> list[tuple[str, int]]:
        """Of each job whose payload is on its way (its id, the payload's size)."""
        return self._connection.execute(
            f"SELECT job_id, nbytes FROM jobs WHERE state = ? AND {_UNFINISHED} ORDER BY number",
            (JobState.UPLOADING.value,),
        ).fetchall()

    def unfinished_bytes(self) -> dict[str, int]:
        """The size of the payloads of all jobs that have not ended, by engine."""
        return dict(
            self._connection.execute(
                f"SELECT engine, sum(nbytes) FROM jobs WHERE {_UNFINISHED} GROUP BY engine"
            ).fetchall()
        )

    def abandoned_uploads(self, before: float, most: int) -> list[str]:
        """Ids of uploads that began before a time, oldest first.

        Args:
            before: seconds since the epoch.
            most: how many at most.
        """
        rows = self._connection.execute(
            f"SELECT job_id FROM jobs WHERE state = ? AND {_UNFINISHED} AND submitted_at < ? ORDER BY number LIMIT ?",
            (JobState.UPLOADING.value, before, most),
        )
        return [job_id for (job_id,) in rows]

    def ended_before(self, state: JobState, fetched: bool, before: float, most: int) -> list[str]:
        """Ids of jobs that ended, and were fetched if they were, before a time; those of longest ago first.

        Args:
            state: DONE, FAILED or CANCELLED.
            fetched: those that were fetched, or those that were not.
            before: seconds since the epoch.
            most: how many at most.
        """
        rows = self._connection.execute(
            "SELECT job_id FROM jobs WHERE state = ? AND (fetched_at > 0) = ? AND max(finished_at, fetched_at) < ?"
            f" AND {_ENDED} ORDER BY max(finished_at, fetched_at) LIMIT ?",
            (state.value, fetched, before, most),
        )
        return [job_id for (job_id,) in rows]

    def oldest_fetched(self, most: int) -> list[tuple[str, int]]:
        """The finished jobs that were fetched and ended first, at most `most`: of each (its id, its results' bytes)."""
        return self._connection.execute(
            "SELECT job_id, result_bytes FROM jobs WHERE state = 'done' AND fetched_at > 0"
            " ORDER BY finished_at LIMIT ?",
            (most,),
        ).fetchall()

    def counts(self) -> dict[str, int]:
        """The number of jobs by state."""
        return {state: count for state, count in self._counts.items() if count}

    @property
    def result_bytes(self) -> int:
        """The size of all result files of all jobs."""
        return self._result_bytes

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
        (count,) = self._connection.execute(
            f"SELECT count(*) FROM jobs WHERE owner = ? AND {_UNFINISHED}", (owner,)
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
        at_once: bool = True,
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
            at_once: whether it is on disk then; else `sync` follows.

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
        with self._transaction(at_once=at_once and cause is not Cause.CLIP_MADE):
            self._update(
                job,
                state=there.state.value,
                attempt=there.attempt,
                losses=there.worker_crashes,
                cancel_requested=there.cancel_requested,
                sequence=sequence,
                reason=reason or job.reason,
                finished_at=at if there.state.final else 0.0,
                engine_seconds=engine_seconds or job.engine_seconds,
                clip_pixels=clip_pixels,
                results=packed,
                result_bytes=nbytes,
            )
            if moved:
                self._insert_event(job.job_id, sequence, there.state, there.attempt, at, reason)
        self._counts[here.state.value] -= 1
        self._counts[there.state.value] += 1
        self._result_bytes += nbytes - job.result_bytes
        return self.get(job.job_id)

    def _update(self, job: Job, **columns: object) -> None:
        """Change a job's record, fenced by its state and attempt.

        Raises:
            StaleJobError: it is in another one.
        """
        here = job.lifecycle
        fence = {"job_id": job.job_id, "here": here.state.value, "here_attempt": here.attempt}
        if self._connection.execute(_UPDATE, columns | fence).rowcount != 1:
            raise StaleJobError(f"{job.job_id} is no longer {here.state} at attempt {here.attempt}")

    def sync(self) -> None:
        """Bring every change so far to the disk."""
        with self._transaction():
            # SQLite syncs its journal for a commit that writes a page: this one, as it was.
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def note_fetched(self, job_id: str, at: float) -> Job:
        """The job, marked as fetched: its owner has all results. The first time counts.

        Args:
            job_id: which job.
            at: seconds since the epoch.

        Raises:
            StaleJobError: there is no such job.
        """
        with self._transaction(at_once=False):
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

    def forget(self, job_ids: Iterable[str], *, at_once: bool = True) -> int:
        """Remove jobs and their events.

        Args:
            job_ids: which jobs.
            at_once: whether they are gone from the disk then; else a loss of power may bring their records back.

        Returns:
            The size of their result files; ids that no job has count nothing.
        """
        gone, freed = Counter[str](), 0
        with self._transaction(at_once=at_once):
            for job_id in job_ids:
                query = "SELECT state, result_bytes FROM jobs WHERE job_id = ?"
                for state, nbytes in self._connection.execute(query, (job_id,)).fetchall():
                    gone[state] += 1
                    freed += nbytes
                    self._connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))
        self._counts.subtract(gone)
        self._result_bytes -= freed
        return freed

    def _totals(self) -> tuple[Counter[str], int]:
        """The number of jobs by state, and the size of all results: counted at the start, kept up to date since."""
        counts, size = Counter[str](), 0
        for state, count, nbytes in self._connection.execute(
            "SELECT state, count(*), sum(result_bytes) FROM jobs GROUP BY state"
        ):
            counts[state] = count
            size += nbytes
        return counts, size

    def _insert_event(self, job_id: str, sequence: int, state: JobState, attempt: int, at: float, why: str) -> None:
        self._connection.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (job_id, sequence, state.value, attempt, at, why)
        )

    def _transaction(self, *, at_once: bool = True) -> _Transaction:
        return _Transaction(self._connection, at_once)


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK on any exception.

    Args:
        connection: to the store.
        at_once: whether the change is on the disk at its end, or with the system.
    """

    def __init__(self, connection: sqlite3.Connection, at_once: bool) -> None:
        self._connection = connection
        self._at_once = at_once

    def __enter__(self) -> None:
        # In WAL mode NORMAL leaves out the sync of a commit, and nothing else.
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if self._at_once else 'NORMAL'}")
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
