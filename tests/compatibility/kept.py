"""Where the fixtures lie, and copies of them that a server or Blender may change."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

FIXTURES = Path(__file__).parent / "fixtures"
STORE, MESSAGES, PAYLOADS, BLEND = (FIXTURES / name for name in ("store", "messages", "payloads", "blend"))
HOME = Path("/tmp/realcam-fixture")
"""Where the .blend was made: the records of its jobs hold absolute paths."""


def copied_store(folder: Path) -> Path:
    """The store and its keys in `folder`: data/ and config/.

    The keys are their owner's alone again, which git does not keep, and the jobs are as old as they were when the
    server was killed: an upload that went no further for a day is forgotten.
    """
    shutil.copytree(STORE / "data", folder / "data")
    shutil.copytree(STORE / "config", folder / "config")
    for key in (folder / "config").iterdir():
        key.chmod(0o600)
    with closing(sqlite3.connect(folder / "data" / "jobs.sqlite3")) as store, store:
        (latest,) = store.execute("SELECT max(submitted_at) FROM jobs").fetchone()
        for column in ("submitted_at", "finished_at", "fetched_at"):
            store.execute(f"UPDATE jobs SET {column} = {column} + ? WHERE {column} > 0", (time.time() - latest,))
    return folder
