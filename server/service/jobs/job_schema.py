"""Numbered migrations of the job store. Append new ones; never edit one that has been released."""

from __future__ import annotations

import sqlite3

import msgspec

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.messages import ResultFile

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        digest TEXT NOT NULL,
        nbytes INTEGER NOT NULL,
        engine TEXT NOT NULL,
        title TEXT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        losses INTEGER NOT NULL DEFAULT 0,
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        sequence INTEGER NOT NULL DEFAULT 0,
        reason TEXT NOT NULL DEFAULT '',
        submitted_at REAL NOT NULL,
        finished_at REAL NOT NULL DEFAULT 0,
        fetched_at REAL NOT NULL DEFAULT 0,
        engine_seconds REAL NOT NULL DEFAULT 0,
        results BLOB NOT NULL DEFAULT x'90'
    );
    CREATE INDEX jobs_by_owner ON jobs (owner, number);
    CREATE INDEX jobs_by_state ON jobs (state, number);
    CREATE TABLE events (
        job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
        sequence INTEGER NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        at REAL NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (job_id, sequence)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE jobs ADD COLUMN result_bytes INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET result_bytes = listed_bytes(results);
    """,
    """
    ALTER TABLE jobs ADD COLUMN clip_pixels INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX clips_by_engine ON jobs (engine, number) WHERE clip_pixels > 0;
    """,
    # What the server asks for while it runs costs the same however long its history is: jobs that have not ended, and
    # ended ones by age, are found in indexes of their own. A query repeats the index' condition in the same words.
    """
    CREATE INDEX jobs_unfinished ON jobs (state, number, owner, engine, nbytes, job_id, submitted_at)
        WHERE state IN ('uploading', 'queued', 'running', 'finalizing');
    CREATE INDEX unfinished_by_owner ON jobs (owner) WHERE state IN ('uploading', 'queued', 'running', 'finalizing');
    CREATE INDEX ended_by_age ON jobs (state, fetched_at > 0, max(finished_at, fetched_at))
        WHERE state IN ('done', 'failed', 'cancelled');
    CREATE INDEX fetched_by_end ON jobs (finished_at) WHERE state = 'done' AND fetched_at > 0;
    CREATE INDEX without_clip_by_owner ON jobs (owner, number) WHERE state IN ('failed', 'cancelled');
    DROP INDEX jobs_by_state;
    """,
)
SCHEMA_VERSION = len(MIGRATIONS)

DAMAGED_REMEDY = (
    "Move the whole data folder away and start again: finished clips stay as files in its results folder. Beside a new "
    "store they would be removed, as files of jobs that it does not know."
)
"""What to do about a store that cannot be read."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a store of any earlier version to this one, each step in one transaction.

    Raises:
        ServiceError: the store is damaged or was written by a later version.
    """
    (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if check != "ok":
        raise ServiceError("The job store is damaged", str(check), DAMAGED_REMEDY)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise ServiceError(
            "The job store was written by a later version of RealCam",
            f"its schema is {version}, this version knows {SCHEMA_VERSION}",
            "Update the server, or give it another --data-dir.",
        )
    connection.create_function("listed_bytes", 1, _listed_bytes, deterministic=True)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


def _listed_bytes(results: bytes) -> int:
    """The size of all files in a job's column `results`."""
    return sum(file.nbytes for file in msgspec.msgpack.decode(results, type=tuple[ResultFile, ...]))
