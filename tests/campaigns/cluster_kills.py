"""Random kills of nodes, engines' processes and the server while small jobs run on a Ray cluster of this machine.

    .venv-cluster/bin/python -m tests.campaigns.cluster_kills --jobs 300 --kills 60 --heads 5

Some of the kills are of the head and all nodes together; a new cluster is then started at the same address.
Every job takes checkpoints, so that what was resumed can be held to what nothing had disturbed. Prints the figures as
JSON and ends with exit code 1 when anything was lost, made twice or damaged.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import math
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle, motorcycle
from tests.campaigns.kill_figures import Kill, KillFigures, KillLog, judged
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload
from tests.support.systems.ray_nodes import ENVIRONMENT, RayNodes, ray_nodes

SEEDS = 8
"""Different shots: jobs of one seed must all give the same clip."""
PATIENCE = 600.0
NODES = 3
"""With a card each, beside the head."""


class Campaign:
    """One campaign on a running cluster.

    Args:
        nodes: the cluster.
        folder: for everything.
        jobs: how many.
        chance: decides who is killed, and when.
        kill_log: for the kills.
        until: seconds of the monotonic clock after which no job and no kill begins.
    """

    def __init__(
        self, nodes: RayNodes, folder: Path, jobs: int, chance: random.Random, kill_log: KillLog, until: float
    ) -> None:
        self._nodes = nodes
        self._kill_log = kill_log
        self._until = until
        self._chance = chance
        self._workers: list[Any] = [nodes.add(cards=1, card_gb=24) for _ in range(NODES)]
        self._bike: Motorcycle = motorcycle()
        self.ids = [new_id() for _ in range(jobs)]
        self.begun: list[str] = []
        self.clips: dict[str, str] = {}
        """Digest of the frames that were fetched, by job."""
        self.failed: set[str] = set()
        self.server = RunningServer(
            folder / "data", folder / "config", ("--cluster", nodes.address), log=folder / "server.log"
        ).start()
        self._folder = folder
        self._threads = [threading.Thread(target=self._bring, args=(self.ids[n::4],), daemon=True) for n in range(4)]

    def ended(self) -> int:
        """Jobs whose end was told."""
        return len(self.clips) + len(self.failed)

    def run(self, kills: int, heads: int) -> None:
        """Bring all jobs, with the kills spread over them.

        Args:
            kills: how many.
            heads: of them, how many of the head and all nodes.
        """
        ways: dict[str, Callable[[], bool]] = {
            "node": self._kill_node,
            "engine": self._kill_engine,
            "server": self._kill_server,
        }
        names = [*("head" for _ in range(heads)), *(self._chance.choice(sorted(ways)) for _ in range(kills - heads))]
        self._chance.shuffle(names)
        ways["head"] = self._kill_head
        for thread in self._threads:
            thread.start()
        for kill, name in enumerate(names):
            while self.ended() < kill * 0.9 * len(self.ids) / kills and time.monotonic() < self._until:
                time.sleep(0.05)
            if time.monotonic() > self._until or self.ended() == len(self.ids):
                break
            time.sleep(self._chance.uniform(0.0, 1.0))
            before, at, started = self.ended(), time.time(), time.monotonic()
            landed = ways[name]()
            while self.ended() == before and any(thread.is_alive() for thread in self._threads):
                time.sleep(0.05)
            if landed:
                self._kill_log.add(Kill(name, at, time.monotonic() - started), self.ended())
        for thread in self._threads:
            thread.join()

    def _bring(self, ids: list[str]) -> None:
        """Submit, follow and fetch each job."""
        with self.server.client(patience=PATIENCE) as client:
            for job_id in ids:
                if time.monotonic() > self._until:
                    return
                self.begun.append(job_id)
                payload = small_payload(self._bike, "resume", pause=0.2, seed=seed_of(job_id), always=True)
                client.submit(job_id, payload, "resume")
                last = list(client.follow(job_id))[-1]
                if isinstance(last, StateEvent) and last.state is JobState.FAILED:
                    self.failed.add(job_id)
                    continue
                client.fetch(job_id, self._folder / job_id)
                self.clips[job_id] = digest(self._folder / job_id)

    def _kill_node(self) -> bool:
        """A power cut of one node, and another one that is plugged in."""
        node = self._workers.pop(self._chance.randrange(len(self._workers)))
        self._nodes.kill(node)
        self._workers.append(self._nodes.add(cards=1, card_gb=24))
        return True

    def _kill_head(self) -> bool:
        """The end of the whole cluster, and another one at the same address."""
        self._nodes.replace_all()
        self._workers = [self._nodes.add(cards=1, card_gb=24) for _ in range(NODES)]
        return True

    def _kill_engine(self) -> bool:
        """kill -9 of one process that runs engines; whether there was one."""
        found = [process for process in psutil.Process().children(recursive=True) if _runs_engines(process)]
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            self._chance.choice(found).kill()
            return True
        return False

    def _kill_server(self) -> bool:
        self.server.kill()
        while True:
            with contextlib.suppress(ServiceError):
                self.server.start()
                return True
            time.sleep(0.5)


def _runs_engines(process: psutil.Process) -> bool:
    """Whether it is a worker's process that runs the engines of the tests."""
    try:
        return {"server.service.workers.worker", "tests.support.engines.misbehaving:engines"} <= set(process.cmdline())
    except psutil.Error:
        return False


def seed_of(job_id: str) -> int:
    """The seed of a job's shot."""
    return int(job_id, 16) % SEEDS


def digest(folder: Path) -> str:
    """SHA-256 of the frames of a fetched clip."""
    whole = hashlib.sha256()
    for path in sorted((folder / "frames").glob("*.png")):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def run(jobs: int, kills: int, heads: int, seed: int, folder: Path, minutes: float) -> KillFigures:
    """One campaign on a cluster of its own. Recovery is until the next job has ended, and another node is there.

    Args:
        jobs: how many.
        kills: how many, spread over the jobs.
        heads: of them, how many of the head and all nodes.
        seed: of the choice of who is killed, and when.
        folder: for everything.
        minutes: after these nothing more begins; the figures are of what was done until then.
    """
    kill_log = KillLog()
    with ray_nodes() as nodes:
        campaign = Campaign(nodes, folder, jobs, random.Random(seed), kill_log, time.monotonic() + 60 * minutes)
        try:
            campaign.run(kills, heads)
        finally:
            campaign.server.stop()
    first: dict[int, str] = {}

    def right(job_id: str, _results: bytes) -> bool:
        clip = campaign.clips.get(job_id)
        return clip is None or first.setdefault(seed_of(job_id), clip) == clip

    figures = KillFigures(len(campaign.begun), costly=frozenset({"node", "engine", "server", "head"}))
    return judged(figures, kill_log, folder / "data" / "jobs.sqlite3", campaign.clips, right)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--heads", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which nothing more begins")
    options = parser.parse_args()
    # Ray reads its variables when it is imported.
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options.jobs, options.kills, options.heads, options.seed, Path(folder), options.minutes)
    print(figures.as_json())
    sys.exit(not figures.clean)


if __name__ == "__main__":
    main()
