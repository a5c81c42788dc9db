"""Random kill -9 of server, worker and clients while small draft jobs run: what was accepted must come out, once and
whole.

    python -m tests.campaigns.kills --jobs 1000 --kills 200

The kills are spread over the jobs, each at a random moment after its share of them is done, so that all of them
land: the last job is held back until they have.
Prints the figures as JSON and ends with exit code 1 when anything was lost, made twice or damaged.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import psutil
from PIL import Image

from blender_addon.core.arrays import UInt8
from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from blender_addon.core.protocol.server_address import ServerAddress
from server.demo.motorcycle import motorcycle
from server.service.workers.worker_plan import AUTO
from tests.campaigns.kill_figures import Kill, KillFigures, KillLog, judged
from tests.support.servers import REPOSITORY, RunningServer, new_id
from tests.support.shots import small_payload, small_shot

CLIENTS = 4
DRAFT = ("--engines", "tests.support.engines.misbehaving:draft")
LAST_KILL = 0.95
"""Part of the jobs that is done when the last kill falls."""


def run(jobs: int, kills: int, seed: int, folder: Path, longest_wait: float = 1.0, workers: str = AUTO) -> KillFigures:
    """One campaign in `folder`. Recovery is, of a server, until it answers a greeting again.

    Args:
        jobs: how many.
        kills: how many.
        seed: of the choice of who is killed, and when.
        folder: for everything.
        longest_wait: seconds until a kill falls that is due.
        workers: of the server, as in `realcam serve --workers`.
    """
    chance = random.Random(seed)
    kill_log = KillLog()
    server = RunningServer(folder / "data", folder / "config", (*DRAFT, "--workers", workers))
    server.log = folder / "server.log"
    server.start()
    payload = folder / "shot"
    payload.write_bytes(small_payload(motorcycle(), "draft"))
    ids = [new_id() for _ in range(jobs)]
    held = folder / f"{ids[-1]}.held"
    held.touch()
    clients = [_ClientProcess(server, payload, folder / f"client{n}", ids[n::CLIENTS]) for n in range(CLIENTS)]
    ways: dict[str, Callable[[], tuple[bool, float]]] = {
        "server": lambda: (True, _kill_server(server)),
        "worker": lambda: (_kill_worker(server, chance), 0.0),
        "client": lambda: (chance.choice(clients).kill(), 0.0),
    }
    try:
        # Asks every one of them, because asking starts those again that were killed.
        while sum(client.running() for client in clients) > 0:
            landed = len(kill_log.kills)
            if landed == kills:
                held.unlink(missing_ok=True)
            brought = _brought(folder)
            if landed == kills or brought < LAST_KILL * jobs * landed / kills:
                time.sleep(0.05)
                continue
            time.sleep(chance.uniform(0.0, longest_wait))
            victim, at = chance.choice(("server", "worker", "client")), time.time()
            fell, recovery = ways[victim]()
            if fell:
                kill_log.add(Kill(victim, at, recovery), brought)
    finally:
        for client in clients:
            client.end()
        server.stop()
    places = {job_id: folder / f"client{number % CLIENTS}" / job_id for number, job_id in enumerate(ids)}
    brought_ids = [job_id for job_id, place in places.items() if (place / "done").exists()]
    expected = small_shot(motorcycle()).preview[..., :3]
    return judged(
        KillFigures(jobs, costly=frozenset({"worker"})),
        kill_log,
        folder / "data" / "jobs.sqlite3",
        brought_ids,
        lambda job_id, results: _is_right(places[job_id], results, expected),
    )


class _ClientProcess:
    """A client process that is started again, with the same jobs, until it has brought them all."""

    def __init__(self, server: RunningServer, payload: Path, out: Path, ids: list[str]) -> None:
        address = server.address
        self._arguments = [
            *(sys.executable, "-m", "tests.campaigns.kills", "--client", str(payload), "--out", str(out)),
            *("--ports", f"{address.control_port},{address.data_port}"),
        ]
        out.mkdir()
        (out / "jobs").write_text("\n".join(ids))
        self._environment = {**os.environ, "REALCAM_CONFIG_DIR": str(server.config_dir)}
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(self._arguments, cwd=REPOSITORY, env=self._environment)

    def running(self) -> bool:
        """Whether there is something left to do; one that was killed is started again."""
        code = self._process.poll()
        if code is None:
            return True
        if code != 0:
            self._start()
        return code != 0

    def kill(self) -> bool:
        """kill -9. False when it was not running."""
        if self._process.poll() is not None:
            return False
        self._process.kill()
        self._process.wait()
        return True

    def end(self) -> None:
        """For good."""
        self.kill()


def _kill_server(server: RunningServer) -> float:
    server.kill()
    started = time.monotonic()
    server.start()
    while True:
        try:
            with server.client() as client:
                client.connect(timeout=30.0)
            return time.monotonic() - started
        except ServiceError:
            time.sleep(0.02)


def _kill_worker(server: RunningServer, chance: random.Random) -> bool:
    """kill -9 of one of its workers; whether there was one."""
    assert server.process is not None
    workers = psutil.Process(server.process.pid).children()
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        chance.choice(workers).kill()
        return True
    return False


def _brought(folder: Path) -> int:
    """Jobs whose clients have them."""
    return sum(1 for _ in folder.glob("client*/*/done"))


def _client_main(payload: Path, out: Path, ports: str) -> None:
    """Submit, follow and fetch each job; two at a time, so that submissions fall into everything."""
    control, data = map(int, ports.split(","))
    shot = payload.read_bytes()
    ids = (out / "jobs").read_text().split()

    def bring(part: list[str]) -> None:
        with Client(ServerAddress("127.0.0.1", control, data), "torture", "torture", patience=120.0) as client:
            for job_id in part:
                if (out / job_id / "done").exists():
                    continue
                while (out.parent / f"{job_id}.held").exists():
                    time.sleep(0.05)
                client.submit(job_id, shot, "draft")
                last = list(client.follow(job_id))[-1]
                if isinstance(last, StateEvent) and last.state is JobState.FAILED:
                    # Whether it lost as many workers as it must, the store tells.
                    (out / job_id).mkdir(exist_ok=True)
                else:
                    client.fetch(job_id, out / job_id)
                (out / job_id / "done").touch()

    threads = [threading.Thread(target=bring, args=(ids[n::2],)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not all((out / job_id / "done").exists() for job_id in ids):
        sys.exit(1)


def _is_right(fetched: Path, results: bytes, expected: UInt8) -> bool:
    """Whether a fetched clip has the frames that are expected, and its files the checksums that are on record."""
    frames = [np.array(Image.open(path)) for path in sorted((fetched / "frames").glob("*.png"))]
    same = len(frames) == len(expected) and all(map(np.array_equal, frames, expected))
    listed = msgspec.msgpack.decode(results)
    return same and all(
        hashlib.sha256((fetched / file["name"]).read_bytes()).hexdigest() == file["sha256"] for file in listed
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", default=AUTO, help="of the server, as in realcam serve: light,light,light,light")
    parser.add_argument("--client", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--ports", default="")
    options = parser.parse_args()
    if options.client is not None:
        _client_main(options.client, options.out, options.ports)
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options.jobs, options.kills, options.seed, Path(folder), workers=options.workers)
    print(figures.as_json())
    sys.exit(not figures.clean)


if __name__ == "__main__":
    main()
