"""A data folder with a long history, as a server of many clients would have it after weeks."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from blender_addon.core.protocol.messages import JobState, ResultFile
from server.service.jobs.job_files import JobFiles
from server.service.jobs.job_store import JobStore
from server.service.jobs.retention import DAY, Retention

FRAMES = 16
"""Pictures of each clip on record."""
CLIP_BYTES = 2_000_000
"""Little enough that 20,000 clips are within what a server keeps: they go by age alone."""
FAILED_EVERY = 20
"""Of so many jobs, one has failed."""
UNFETCHED_EVERY = 7
"""Of so many clips, one was not fetched."""
STATES = (JobState.UPLOADING, JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING, JobState.DONE)

_JOB = (
    "INSERT INTO jobs (job_id, owner, digest, nbytes, engine, title, state, attempt, sequence, submitted_at,"
    " finished_at, fetched_at, engine_seconds, results, result_bytes, clip_pixels)"
    " VALUES (:job_id, :owner, :digest, 5000000, 'clockwork', :title, :state, 1, :sequence, :at, :at, :fetched, 1.0,"
    " :results, :result_bytes, 5120)"
)
_EVENT = "INSERT INTO events VALUES (?, ?, ?, 1, ?, '')"


def write_history(folder: Path, jobs: int, owners: Sequence[str], expired: int, now: float) -> None:
    """Make a data folder whose store has so many jobs that ended.

    Rows go in by SQL and in one transaction: through the store, which syncs each of a job's steps, 20,000 would take
    minutes.

    Args:
        folder: the data folder; must not have a store.
        jobs: how many.
        owners: public keys of the clients, in turn.
        expired: how many of the oldest are old enough to be forgotten by a server that starts now; these have files.
        now: seconds since the epoch.
    """
    files = JobFiles(folder)
    path = folder / "jobs.sqlite3"
    JobStore(path).close()
    rows = list(_rows(jobs, owners, expired, now))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(_JOB, rows)
        connection.executemany(
            _EVENT,
            (
                (row["job_id"], number, state.value, row["at"])
                for row in rows
                for number, state in enumerate(STATES[: int(str(row["sequence"]))], 1)
            ),
        )
    for row in rows[:expired]:
        place = files.result_folder(str(row["job_id"]))
        place.mkdir()
        (place / "clip.mp4").write_bytes(bytes(1000))


def _rows(jobs: int, owners: Sequence[str], expired: int, now: float) -> Iterator[dict[str, object]]:
    clip = tuple(
        ResultFile(name=f"frames/{number:04d}.png", nbytes=CLIP_BYTES // FRAMES, sha256="0" * 64)
        for number in range(FRAMES)
    )
    packed, oldest = msgspec.msgpack.encode(clip), Retention().unfetched + DAY
    for number in range(jobs):
        failed = number % FAILED_EVERY == 0
        at = now - oldest if number < expired else now - DAY * (jobs - number) / jobs
        yield {
            "job_id": uuid.uuid4().hex,
            "owner": owners[number % len(owners)],
            "digest": "0" * 64,
            "title": f"Shot {number}",
            "state": (JobState.FAILED if failed else JobState.DONE).value,
            "sequence": len(STATES),
            "at": at,
            "fetched": 0.0 if failed or number % UNFETCHED_EVERY == 0 else at + 60,
            "results": msgspec.msgpack.encode(()) if failed else packed,
            "result_bytes": 0 if failed else CLIP_BYTES,
        }
