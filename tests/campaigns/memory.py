"""Many jobs through one server: does its memory stay?

    python -m tests.campaigns.memory --jobs 2000

Reads the memory of server and worker in the middle of a job and idle after it, once a tenth of the jobs is done and at
the end. Prints the figures as JSON and ends with exit code 1 when one has grown by 2 % or more.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from blender_addon.core.client import Client, JobProgress
from server.data.motorcycle import motorcycle
from tests.server.service.running_server import RunningServer, new_id, small_blob

WARM = 0.1
"""Part of the jobs after which memory is first read: allocators and caches have their size by then."""
IDLE_SECONDS = 3.0
MOST_DRIFT = 2.0
"""Percent."""

Reading = dict[str, int]
"""What was read -> bytes."""


def run(jobs: int, folder: Path) -> dict[str, float]:
    """Memory in MB, early and at the end, and the drift in percent."""
    server = RunningServer(folder / "data", folder / "config")
    server.errors = (folder / "log").open("ab")
    server.start()
    blob, readings = small_blob(motorcycle()), list[Reading]()
    try:
        with server.client() as client:
            for number in range(1, jobs + 1):
                _bring(client, blob, folder / "clip")
                if number in (max(1, int(jobs * WARM)), jobs):
                    readings.append(_read(client))
    finally:
        server.stop()
        server.errors.close()
    early, late = readings
    figures: dict[str, float] = {"jobs": jobs}
    for what in early:
        figures |= {f"{what}_early_MB": round(early[what] / 1e6, 2), f"{what}_late_MB": round(late[what] / 1e6, 2)}
        figures[f"{what}_drift_percent"] = round(100 * (late[what] / early[what] - 1), 2)
    return figures


def _bring(client: Client, blob: bytes, folder: Path) -> None:
    job_id = new_id()
    client.submit(job_id, blob, "copy")
    list(client.follow(job_id))
    client.fetch(job_id, folder)
    shutil.rmtree(folder)


def _read(client: Client) -> Reading:
    job_id = new_id()
    client.submit(job_id, small_blob(motorcycle(), pause=1.0), "copy")
    loaded = None
    for event in client.follow(job_id):
        if isinstance(event, JobProgress) and event.progress.step == 3:
            loaded = client.facts()
    time.sleep(IDLE_SECONDS)
    idle = client.facts()
    assert loaded is not None
    return {
        "server_loaded": loaded.memory,
        "server_idle": idle.memory,
        "worker_loaded": loaded.worker_memory,
        "worker_idle": idle.worker_memory,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    with tempfile.TemporaryDirectory() as folder:
        figures = run(parser.parse_args().jobs, Path(folder))
    print(json.dumps(figures, indent=1))
    sys.exit(any(figure >= MOST_DRIFT for what, figure in figures.items() if what.endswith("percent")))


if __name__ == "__main__":
    main()
