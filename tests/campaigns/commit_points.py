"""kill -9 of the server exactly before and after each thing it makes durable.

    python -m tests.campaigns.commit_points --times 100 [--refused 3] [--workers light,light,light,light]

One job after another goes through servers that each die at one point of that job's way; the next server takes over. A
job must end DONE, once, with the right files. The servers are forks of a warm process (warm_server.py), so that 2,000
kills take minutes. Prints the figures as JSON and ends with exit code 1 when a job was lost, made twice or damaged, or
a kill did not land.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from PIL import Image

from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import motorcycle
from server.service.workers.worker_plan import AUTO
from server.terminal.local_service import wait_until_ready
from tests.campaigns.warm_server import Plan
from tests.support.servers import REPOSITORY, RunningServer, new_id
from tests.support.shots import small_payload, small_shot
from tests.support.systems.refused_calls import refused_first

POINTS = (
    "create",
    "append",
    "store_payload",
    "apply shot-stored",
    "apply started",
    "apply clip-made",
    "store_results",
    "apply results-stored",
    "discard_inputs",
    "note_fetched",
)
"""What the server makes durable on a job's way, in order."""
MOMENTS = ("before", "after")
HOUSEKEEPING_SECONDS = 60.0
"""Time to delete what could not be deleted at first; a second is the rule."""


class Death(NamedTuple):
    """Where a job's server dies."""

    moment: str
    point: str


@dataclass
class CommitPointFigures:
    """seconds: from a server's death to its job's clip in the client's hands."""

    kills: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def run(deaths: Sequence[Death], folder: Path, refused: int = 0, workers: str = AUTO) -> CommitPointFigures:
    """One job for each death, one after another, through one store.

    Args:
        deaths: where the jobs' servers die.
        folder: for everything.
        refused: how many renames and removals of each of the server's and the client's files fail first, see Plan.
        workers: of the servers, as in `realcam serve --workers`.
    """
    figures = CommitPointFigures()
    jobs = [new_id() for _ in deaths]
    with (
        _DyingServers(folder, list(zip(jobs, deaths, strict=True)), refused, workers) as servers,
        servers.client() as client,
        refused_first(refused, folder),
    ):
        for number, (job_id, death) in enumerate(zip(jobs, deaths, strict=True)):
            try:
                _bring(client, job_id, folder / job_id)
                assert len(servers.died_at) == number + 1, "the server did not die"
            except AssertionError as error:
                figures.lost.append(f"{death.moment} {death.point}: {error}")
                break
            figures.seconds.append(time.monotonic() - servers.died_at[number])
            figures.survived += 1
        figures.kills = len(servers.died_at)
        deadline = time.monotonic() + HOUSEKEEPING_SECONDS
        while (leftovers := _leftovers(folder)) and refused and time.monotonic() < deadline:
            time.sleep(0.05)
        if leftovers:
            figures.lost.append(f"left over: {leftovers}")
    return figures


def _leftovers(folder: Path) -> list[str]:
    return [path.name for place in ("uploads", "work") for path in (folder / "data" / place).iterdir()]


def _bring(client: Client, job_id: str, folder: Path) -> None:
    """Raises AssertionError when the job is lost, made twice or damaged."""
    client.submit(job_id, small_payload(motorcycle()), "copy")
    events = [event for event in client.follow(job_id) if isinstance(event, StateEvent)]
    client.fetch(job_id, folder)
    assert client.status(job_id).state is JobState.DONE
    assert [event.state for event in events].count(JobState.DONE) == 1
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    frames = [np.array(Image.open(path)) for path in sorted((folder / "frames").glob("*.png"))]
    np.testing.assert_array_equal(frames, small_shot(motorcycle()).preview[..., :3])


class _DyingServers:
    """Servers on the same ports, each with a job it dies of; the last one, of none, is ended with the block."""

    def __init__(self, folder: Path, deaths: list[tuple[str, Death]], refused: int, workers: str) -> None:
        self._refused = refused
        self._workers = workers
        self._plans = [*deaths, ("", Death("before", "create"))]
        self._server = RunningServer(folder / "data", folder / "config")
        self._log = (folder / "log").open("ab")
        self._ready = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.died_at: list[float] = []

    def __enter__(self) -> _DyingServers:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.warm_server", str(self._server.data_dir), self._workers],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "REALCAM_CONFIG_DIR": str(self._server.config_dir)},
            start_new_session=True,
        )
        self._watcher.start()
        assert self._ready.wait(60.0)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._watcher.join()
        self._log.close()

    def client(self) -> Client:
        """For as long as it takes."""
        return self._server.client(patience=120.0)

    def _watch(self) -> None:
        ready_file = self._server.data_dir.with_name("ready.json")
        with self._process as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for number, (job_id, death) in enumerate(self._plans):
                address = self._server.address
                ports = (address.control_port, address.data_port)
                plan = Plan(death.point, death.moment, job_id, *ports, str(ready_file), self._refused)
                process.stdin.write(msgspec.json.encode(plan) + b"\n")
                process.stdin.flush()
                if number == 0:
                    self._server.address = wait_until_ready(ready_file, lambda: None, 60.0).address
                self._ready.set()
                # The server's own words go the same way.
                while (line := process.stdout.readline()) != b"died\n":
                    if not line:
                        return
                self.died_at.append(time.monotonic())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100, help="kills at each point and moment")
    parser.add_argument("--parallel", type=int, default=2, help="rows of jobs side by side, each with its own store")
    parser.add_argument("--refused", type=int, default=0, help="refusals of each rename and removal, as on Windows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", default=AUTO, help="of the server, as in realcam serve: light,light,light,light")
    options = parser.parse_args()
    deaths = [Death(moment, point) for point in POINTS for moment in MOMENTS] * options.times
    random.Random(options.seed).shuffle(deaths)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.parallel) as pool:
        rows = [Path(folder) / str(number) for number in range(options.parallel)]
        for row in rows:
            row.mkdir()
        parts = [deaths[n :: options.parallel] for n in range(options.parallel)]
        done = list(pool.map(partial(run, refused=options.refused, workers=options.workers), parts, rows))
    seconds = [second for figures in done for second in figures.seconds]
    lost = [what for figures in done for what in figures.lost]
    summary = {
        "points": len(POINTS) * len(MOMENTS),
        "kills": sum(figures.kills for figures in done),
        "survived": sum(figures.survived for figures in done),
        "lost": lost,
        "median_seconds_to_the_clip": round(float(np.median(seconds)), 2),
        "worst_seconds_to_the_clip": round(max(seconds), 2),
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(summary, indent=1))
    sys.exit(bool(lost) or summary["kills"] != len(deaths))


if __name__ == "__main__":
    main()
