"""Some of the clients, a thread each: `python -m server.bench.service_load.client_process JSON`.

Says "connected" on standard output, waits for a line on standard input, and then each client submits a job, follows it,
fetches its clip and begins again, until the time is over. At the end it prints its Submissions as one line of JSON.
"""

from __future__ import annotations

import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from blender_addon.core.held_files import discard
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.server_address import ServerAddress
from blender_addon.core.version import COMMAND_LINE_SOFTWARE

from .engine import CLOCKWORK, small_payload


class ClientPlan(msgspec.Struct, frozen=True):
    """Whose clients these are.

    Attributes:
        control_port: of the server, on this machine.
        data_port: the other one.
        server_key: its public key, Z85.
        configs: a folder of keys for each client; clips are fetched into them, too.
        seconds: how long jobs are submitted.
    """

    control_port: int
    data_port: int
    server_key: str
    configs: list[str]
    seconds: float


class Submissions(msgspec.Struct, frozen=True):
    """What the clients saw.

    Attributes:
        first: seconds from each client's first submission, all at the same moment, until the job was on the server's
            disk.
        later: the same of their other ones.
    """

    first: list[float]
    later: list[float]


def main() -> None:
    """Run the clients."""
    plan = msgspec.json.decode(sys.argv[1], type=ClientPlan)
    address = ServerAddress("127.0.0.1", plan.control_port, plan.data_port, plan.server_key)
    clients = [
        Client(address, f"bench-{number}", COMMAND_LINE_SOFTWARE, config=Path(config))
        for number, config in enumerate(plan.configs)
    ]
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda client: client.connect(60.0), clients))
        print("connected", flush=True)
        sys.stdin.readline()
        until, payload = time.monotonic() + plan.seconds, small_payload()
        found = pool.map(lambda client, config: _work(client, Path(config), payload, until), clients, plan.configs)
        seconds = list(found)
    for client in clients:
        client.close()
    said = Submissions([each[0] for each in seconds], [second for each in seconds for second in each[1:]])
    print(msgspec.json.encode(said).decode(), flush=True)


def _work(client: Client, folder: Path, payload: bytes, until: float) -> list[float]:
    """Seconds of each of a client's submissions."""
    seconds = list[float]()
    while not seconds or time.monotonic() < until:
        job_id = uuid.uuid4().hex
        started = time.perf_counter()
        client.submit(job_id, payload, CLOCKWORK)
        seconds.append(time.perf_counter() - started)
        for _ in client.follow(job_id):
            pass
        client.fetch(job_id, folder / "clip")
        discard(folder / "clip")
    return seconds


if __name__ == "__main__":
    main()
