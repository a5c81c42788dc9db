"""Many jobs through one server: does its memory stay?

    python -m tests.campaigns.memory --jobs 2000

Reads the memory of server and worker in the middle of a job and idle after it, once a tenth of the jobs is done, twice
on the way and at the end. Prints the figures as JSON, in MB, and ends with exit code 1 when one has grown by 2 % or
more from the first reading to the last.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.client import Client
from server.demo.motorcycle import motorcycle
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload

WARM = 0.1
"""Part of the jobs after which memory is first read: allocators and caches have their size by then."""
POINTS = (WARM, 0.25, 0.5, 1.0)
"""Parts of the jobs after which it is read."""
IDLE_SECONDS = 3.0
MOST_DRIFT = 2.0
"""Percent."""

Reading = dict[str, int]
"""What was read -> bytes."""


@dataclass(frozen=True)
class MemoryFigures:
    """readings: jobs done -> MB. growth, drift: from the first reading to the last, MB and percent."""

    readings: dict[int, dict[str, float]]
    growth: dict[str, float]
    drift: dict[str, float]


def run(jobs: int, folder: Path, parts: Sequence[float] = POINTS) -> MemoryFigures:
    """Bring `jobs` of them, one after another, through one server, whose memory is read after these parts of them."""
    server = RunningServer(folder / "data", folder / "config")
    server.log = folder / "log"
    server.start()
    payload, readings = small_payload(motorcycle()), dict[int, Reading]()
    points = [max(1, int(jobs * part)) for part in parts]
    try:
        with server.client() as client:
            for number in range(1, jobs + 1):
                _bring(client, payload, folder / "clip")
                if number in points:
                    readings[number] = _read(client)
    finally:
        server.stop()
    early, late = readings[points[0]], readings[points[-1]]
    return MemoryFigures(
        {number: {what: round(nbytes / 1e6, 2) for what, nbytes in read.items()} for number, read in readings.items()},
        {what: round((late[what] - early[what]) / 1e6, 2) for what in early},
        {what: round(100 * (late[what] / early[what] - 1), 2) for what in early},
    )


def _bring(client: Client, payload: bytes, folder: Path) -> None:
    job_id = new_id()
    client.submit(job_id, payload, "copy")
    list(client.follow(job_id))
    client.fetch(job_id, folder)
    shutil.rmtree(folder)


def _read(client: Client) -> Reading:
    job_id = new_id()
    client.submit(job_id, small_payload(motorcycle(), pause=1.0), "copy")
    loaded = None
    for event in client.follow(job_id):
        if isinstance(event, JobProgress) and event.done == 3:
            loaded = client.stats()
    time.sleep(IDLE_SECONDS)
    idle = client.stats()
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
    print(json.dumps(asdict(figures), indent=1))
    sys.exit(any(percent >= MOST_DRIFT for percent in figures.drift.values()))


if __name__ == "__main__":
    main()
