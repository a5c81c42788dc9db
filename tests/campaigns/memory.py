"""Many jobs through one server: does its memory stay?

    python -m tests.campaigns.memory --jobs 2000 [--workers light,light,light,light]

As many jobs at a time as there are workers. Reads the memory of the server and of all workers in the middle of their
jobs and idle after them, once a tenth of the jobs is done, twice on the way and at the end. Prints the figures as JSON,
in MB, and ends with exit code 1 when one has grown by 2 % or more from the first reading to the last.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.client import Client
from server.demo.motorcycle import motorcycle
from server.service.workers.worker_plan import AUTO
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


def run(jobs: int, folder: Path, parts: Sequence[float] = POINTS, workers: str = AUTO) -> MemoryFigures:
    """Bring jobs through one server and read its memory.

    Args:
        jobs: how many, one after another for each worker.
        folder: for everything.
        parts: of the jobs, after which the memory is read.
        workers: of the server, as in `realcam serve --workers`.
    """
    server = RunningServer(folder / "data", folder / "config", ("--workers", workers))
    server.log = folder / "log"
    server.start()
    payload, readings = small_payload(motorcycle()), dict[int, Reading]()
    points = [max(1, int(jobs * part)) for part in parts]
    at_once = len(workers.split(","))
    try:
        with ExitStack() as stack:
            clients = [stack.enter_context(server.client()) for _ in range(at_once)]
            pool = stack.enter_context(ThreadPoolExecutor(at_once))
            done = 0
            for point in points:
                shares = [(point - done + number) // at_once for number in range(at_once)]
                list(pool.map(partial(_bring, payload, folder), clients, shares))
                done, readings[point] = point, _read(clients)
    finally:
        server.stop()
    early, late = readings[points[0]], readings[points[-1]]
    return MemoryFigures(
        {number: {what: round(nbytes / 1e6, 2) for what, nbytes in read.items()} for number, read in readings.items()},
        {what: round((late[what] - early[what]) / 1e6, 2) for what in early},
        {what: round(100 * (late[what] / early[what] - 1), 2) for what in early},
    )


def _bring(payload: bytes, folder: Path, client: Client, jobs: int) -> None:
    """So many jobs, one after another."""
    for _ in range(jobs):
        job_id = new_id()
        client.submit(job_id, payload, "copy")
        list(client.follow(job_id))
        client.fetch(job_id, folder / job_id)
        shutil.rmtree(folder / job_id)


def _read(clients: Sequence[Client]) -> Reading:
    """The memory while each worker has a job, and after that."""
    jobs = [new_id() for _ in clients]
    for client, job_id in zip(clients, jobs, strict=True):
        client.submit(job_id, small_payload(motorcycle(), pause=1.0), "copy")
    client, loaded = clients[-1], None
    for event in client.follow(jobs[-1]):
        if isinstance(event, JobProgress) and event.done == 3:
            loaded = client.stats()
    for other, job_id in zip(clients[:-1], jobs, strict=False):
        list(other.follow(job_id))
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
    parser.add_argument("--workers", default=AUTO, help="of the server, as in realcam serve: light,light,light,light")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options.jobs, Path(folder), workers=options.workers)
    print(json.dumps(asdict(figures), indent=1))
    sys.exit(any(percent >= MOST_DRIFT for percent in figures.drift.values()))


if __name__ == "__main__":
    main()
