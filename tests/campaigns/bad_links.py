"""Jobs over connections that are slow, cut and frozen: all of them arrive, and a dead peer is noticed.

    python -m tests.campaigns.bad_links --jobs 200 --resets 200 --freezes 50 --delay 0.1 --loss 0.01

Jobs go on until as many connections were reset and frozen as were asked for. Prints the figures as JSON and ends with
exit code 1 when a job was lost or a dead connection went unnoticed for 20 s.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from blender_addon.core.protocol.keys import server_keys
from server.demo.motorcycle import motorcycle
from tests.campaigns.proxy import Link, Proxy
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload

RETRANSMIT = 0.25
"""Seconds that a lost packet costs."""
NOTICED_WITHIN = 20.0


@dataclass
class BadLinkFigures:
    """jobs: how many were sent. noticed: seconds from the freezing of a connection to the client's own verdict, at
    worst."""

    jobs: int = 0
    lost: int = 0
    resets: int = 0
    freezes: int = 0
    noticed: float = 0.0
    seconds: float = 0.0


def run(
    jobs: int,
    resets: int,
    freezes: int,
    clients: int,
    seed: int,
    folder: Path,
    delay: float = 0.0,
    loss: float = 0.0,
) -> BadLinkFigures:
    """One campaign. Every client has proxies of its own; chance cuts and freezes them while jobs run."""
    chance = random.Random(seed)
    figures = BadLinkFigures()
    link = Link(delay=delay, hiccup=lambda: RETRANSMIT if loss and chance.random() < loss else 0.0)
    server = RunningServer(folder / "data", folder / "config")
    server.log = folder / "log"
    server.start()
    payload = small_payload(motorcycle(), pause=0.1)
    enough = threading.Event()
    people = [_Person(server, link, payload, jobs // clients, enough, folder / str(n)) for n in range(clients)]
    started = time.monotonic()
    try:
        for person in people:
            assert person.connected.wait(60.0)
        while figures.resets < resets or figures.freezes < freezes:
            time.sleep(chance.uniform(0.1, 0.6))
            person = chance.choice(people)
            left = (resets - figures.resets, freezes - figures.freezes)
            if chance.random() * sum(left) < left[1]:
                figures.freezes += person.freeze()
            else:
                figures.resets += person.reset()
    finally:
        enough.set()
        for person in people:
            person.close()
        server.stop()
    figures.seconds = time.monotonic() - started
    figures.jobs = sum(person.sent for person in people)
    figures.lost = figures.jobs - sum(person.arrived for person in people)
    figures.noticed = max(person.noticed for person in people)
    return figures


class _Person:
    """A client behind two proxies, one job after another: `jobs` at least, and on until it is enough."""

    def __init__(
        self, server: RunningServer, link: Link, payload: bytes, jobs: int, enough: threading.Event, folder: Path
    ) -> None:
        self._proxies = (Proxy(server.address.control_port, link), Proxy(server.address.data_port, link))
        control, data = (proxy.port for proxy in self._proxies)
        key = server_keys(server.config_dir).public
        self._address = replace(server.address, control_port=control, data_port=data, server_key=key)
        self._server, self._blob, self._folder = server, payload, folder
        self._jobs, self._enough = jobs, enough
        self._frozen_at = 0.0
        self.connected = threading.Event()
        self.sent = self.arrived = 0
        self.noticed = 0.0
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def reset(self) -> int:
        return int(sum(proxy.reset() for proxy in self._proxies) > 0)

    def freeze(self) -> int:
        if self._frozen_at or not sum(proxy.freeze() for proxy in self._proxies):
            return 0
        self._frozen_at = time.monotonic()
        return 1

    def close(self) -> None:
        self.thread.join()
        for proxy in self._proxies:
            proxy.close()

    def _connected(self, _: bool) -> None:
        # One frozen in its greeting was never told as open: the next that opens tells when it was noticed.
        if self._frozen_at:
            self.noticed = max(self.noticed, time.monotonic() - self._frozen_at)
            self._frozen_at = 0.0

    def _work(self) -> None:
        with self._server.client(patience=300.0, on_connection=self._connected) as client:
            client.address = self._address
            # Who has been let in once takes a handshake that is cut for the link's fault, not the server's.
            client.connect()
            self.connected.set()
            while self.sent < self._jobs or not self._enough.is_set():
                job_id = new_id()
                self.sent += 1
                client.submit(job_id, self._blob, "copy")
                list(client.follow(job_id))
                self.arrived += len(client.fetch(job_id, self._folder / job_id)) == 6


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--resets", type=int, default=200)
    parser.add_argument("--freezes", type=int, default=50)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--loss", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        figures = run(folder=Path(folder), **options)
    print(json.dumps(asdict(figures), indent=1))
    sys.exit(bool(figures.lost) or figures.noticed >= NOTICED_WITHIN)


if __name__ == "__main__":
    main()
