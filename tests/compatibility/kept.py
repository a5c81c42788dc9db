"""Where the fixtures lie, and copies of them that a server or Blender may change."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

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


def job_as_now(old: dict[str, Any]) -> dict[str, Any]:
    """An old job record as it is written now: what only one kind of job has stands in its task."""
    if old["photo"] is not None:
        # Photos were sent as large as they are.
        task = {"kind": "depth", "photo": old["photo"], "sent_size": None}
    elif old["check"] is not None:
        task = {"kind": "check", **old["check"]}
    else:
        names = ("artist_width", "artist_height", "pixel_aspect", "frame_start", "frame_end")
        task = {
            "kind": "shot",
            "placement": {name: old[name] for name in names},
            **{name: old[name] for name in ("camera", "photo_state", "last_image")},
            "camera_library": "",
            # A shot was sent to one engine.
            "beside": False,
        }
    common = ("job_id", "server", "title", "blend", "scene", "folder", "settings", "submitted_at")
    return {**{name: old[name] for name in common}, "task": task, "scene_library": ""}
