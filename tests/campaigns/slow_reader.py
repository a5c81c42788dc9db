"""Many clients, one of them on a very slow link: it slows nobody, and the server's memory stays.

    python -m tests.campaigns.slow_reader --clients 16 --jobs 10

Prints the figures as JSON: how long the others wait for an event, and what the server's memory grew by.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from blender_addon.core.errors import ServiceError
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.keys import server_keys
from blender_addon.core.protocol.messages import StateEvent
from server.demo.motorcycle import motorcycle
from tests.campaigns.proxy import Link, Proxy
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload


@dataclass
class SlowReaderFigures:
    """Latencies in seconds from the server's commit of a state to the client's hands, without the slow client."""

    clients: int
    events: int = 0
    latency_median: float = 0.0
    latency_p99: float = 0.0
    memory_before: int = 0
    memory_growth: int = 0
    slow_client_received: int = 0
    latencies: list[float] = field(default_factory=list)


def run(clients: int, jobs: int, rate: float, folder: Path) -> SlowReaderFigures:
    """`clients - 1` do `jobs` jobs each while one fetches a clip through `rate` bytes a second, again and again."""
    figures = SlowReaderFigures(clients)
    server = RunningServer(folder / "data", folder / "config")
    server.log = folder / "log"
    server.start()
    payload = small_payload(motorcycle(), pause=0.01, frames=12)
    begun, stop, lock = threading.Event(), threading.Event(), threading.Lock()
    proxies = [Proxy(port, Link(rate=rate)) for port in (server.address.control_port, server.address.data_port)]
    with server.client() as watcher:
        first = new_id()
        watcher.submit(first, payload, "copy")
        list(watcher.follow(first))
        figures.memory_before = watcher.stats().memory

        def note(progress: JobProgress) -> None:
            figures.slow_client_received = max(figures.slow_client_received, progress.done)
            if progress.done:
                begun.set()

        def read_slowly() -> None:
            key = server_keys(server.config_dir).public
            address = replace(server.address, control_port=proxies[0].port, data_port=proxies[1].port, server_key=key)
            with Client(address, "slow", "slow", config=server.config_dir, interrupted=stop.is_set) as client:
                round_number = 0
                while not stop.is_set():
                    round_number += 1
                    client.fetch(first, folder / f"slow{round_number}", note)

        def work(client: Client) -> None:
            with client:
                for _ in range(jobs):
                    job_id = new_id()
                    client.submit(job_id, payload, "copy")
                    for event in client.follow(job_id):
                        if isinstance(event, StateEvent) and event.sequence > 2:
                            with lock:
                                figures.latencies.append(time.time() - event.at)

        slow = threading.Thread(target=_until_interrupted, args=(read_slowly,))
        slow.start()
        assert begun.wait(60.0), "the slow client received nothing"
        others = [threading.Thread(target=work, args=(server.client(),)) for _ in range(clients - 1)]
        for thread in others:
            thread.start()
        for thread in others:
            thread.join()
        figures.memory_growth = watcher.stats().memory - figures.memory_before
        stop.set()
        slow.join()
    for proxy in proxies:
        proxy.close()
    server.stop()
    figures.events = len(figures.latencies)
    figures.latency_median, figures.latency_p99 = (float(np.percentile(figures.latencies, q)) for q in (50, 99))
    return figures


def _until_interrupted(read: Callable[[], None]) -> None:
    try:
        read()
    except ServiceError as error:
        if error.code != "interrupted":
            raise


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--rate", type=float, default=10_000.0)
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        figures = asdict(run(folder=Path(folder), **options))
    del figures["latencies"]
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
