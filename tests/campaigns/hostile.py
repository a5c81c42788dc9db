"""An allowed client that wants to do harm: what it sends is refused in words, in little time and memory.

    python -m tests.campaigns.hostile --rounds 20 [--workers light,light,light,light]

Each attack goes over the wire to a real server with the product's own engines, with a good key. Prints for each the
answer, the longest time in seconds and the most memory in MB that the server and any worker took beyond what they had
(peaks, as Linux counts them), then what they grew by from the first round to the last. Exit code 1 when an attack is
not refused, a peak is 64 MB or more, or the server is not as it was.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import psutil

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, Ping, Pong, RefusalCode, Refused, StateEvent, Submit
from server.demo.motorcycle import motorcycle
from server.service.workers.worker_plan import AUTO
from tests.campaigns import hostile_inputs
from tests.support.network.raw_socket import ask, ask_with, raw_socket, session
from tests.support.servers import RunningServer, new_id, workers_of
from tests.support.shots import small_payload

ENGINES = ("--engines", "server.engines.registry:engines")
MOST_MB = 64.0

Attack = Callable[[RunningServer], str]
"""Carries out one attack and returns how it was refused. Raises NotRefusedError."""


class NotRefusedError(Exception):
    """An attack had another end than a refusal."""


@dataclass
class AttackFigures:
    """answer: how it was refused. seconds: at worst. lag: how late the server's loop was at worst in the
    ten seconds before its end, in which others may lie, seconds. server_peak, worker_peak: the highest above what was
    there, MB."""

    answer: str = ""
    seconds: float = 0.0
    lag: float = 0.0
    server_peak: float = 0.0
    worker_peak: float = 0.0


@dataclass
class HostileFigures:
    """server_growth, worker_growth (of that which grew most): from after the first round to after the last, MB."""

    attacks: dict[str, AttackFigures] = field(default_factory=dict)
    server_growth: float = 0.0
    worker_growth: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing took more memory than it may."""
        peaks = (max(attack.server_peak, attack.worker_peak) for attack in self.attacks.values())
        return max(peaks) < MOST_MB and max(self.server_growth, self.worker_growth) < MOST_MB


def attacks() -> Iterator[tuple[str, Attack]]:
    """All of them by name."""
    for name, frames in hostile_inputs.messages().items():
        for channel in ("control", "data"):
            yield f"{name}, {channel}", partial(_message, channel=channel, frames=frames)
    for name, (channel, frames) in hostile_inputs.cut_off().items():
        yield name, partial(_cut_off, channel=channel, frames=frames)
    yield "5,000 requests whose answers nobody takes", _flood
    yield "jobs without end", _many_jobs
    for name, payload in hostile_inputs.payloads().items():
        yield name, partial(_blob, payload=payload)
    for name, payload in hostile_inputs.jobs().items():
        yield name, partial(_job, payload=payload)


def run(rounds: int, folder: Path, workers: str = AUTO) -> HostileFigures:
    """What every attack did.

    Args:
        rounds: how often each is carried out.
        folder: for everything.
        workers: of the server, as in `realcam serve --workers`.

    Raises:
        NotRefusedError: an attack had another end.
        ServiceError: the server is gone.
    """
    server = RunningServer(folder / "data", folder / "config", (*ENGINES, "--workers", workers))
    server.log = folder / "log"
    server.start()
    figures, everything, sizes = HostileFigures(), list(attacks()), list[list[int]]()
    try:
        with server.client() as neighbour:
            _make_clips(neighbour, len(workers.split(",")))
            processes = _processes(server)
            for _ in range(rounds):
                for name, attack in everything:
                    found = figures.attacks.setdefault(name, AttackFigures())
                    _carry_out(attack, processes, server, found)
                    facts = neighbour.stats()
                    found.lag = max(found.lag, round(facts.loop_lag, 3))
                    if facts.running:
                        raise NotRefusedError(f"{name}: a job runs")
                _make_clips(neighbour, len(workers.split(",")))
                sizes.append([process.memory_info().rss for process in processes])
            if _processes(server) != processes:
                raise NotRefusedError("a worker is another one")
    finally:
        server.stop()
    grown = [round((late - early) / 1e6, 2) for early, late in zip(sizes[0], sizes[-1], strict=True)]
    figures.server_growth, figures.worker_growth = grown[0], max(grown[1:])
    return figures


def _carry_out(
    attack: Attack, processes: Sequence[psutil.Process], server: RunningServer, figures: AttackFigures
) -> None:
    before = [process.memory_info().rss for process in processes]
    for process in processes:
        # Linux: count the peak from here on.
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    started = time.monotonic()
    figures.answer = attack(server)
    figures.seconds = max(figures.seconds, round(time.monotonic() - started, 2))
    grown = [round((_peak(process) - rss) / 1e6, 1) for process, rss in zip(processes, before, strict=True)]
    figures.server_peak, figures.worker_peak = max(figures.server_peak, grown[0]), max(figures.worker_peak, *grown[1:])


def _message(server: RunningServer, channel: str, frames: list[bytes]) -> str:
    with raw_socket(server, channel) as dealer:
        if channel == "control":
            session(dealer)
        answer = ask_with(dealer, frames)
    if not isinstance(answer, Refused):
        raise NotRefusedError(f"{answer}")
    return f"{answer.what}: {answer.why}"[:200]


def _cut_off(server: RunningServer, channel: str, frames: list[bytes]) -> str:
    with raw_socket(server, channel) as dealer, contextlib.suppress(TimeoutError):
        raise NotRefusedError(f"{ask_with(dealer, frames, seconds=1.0)}")
    return "no answer: the connection was ended"


def _flood(server: RunningServer) -> str:
    with raw_socket(server, "control") as rude, raw_socket(server, "control") as other:
        rude.rcvhwm = 1
        for frames in hostile_inputs.flood():
            rude.send_multipart(frames)
        answer = ask(other, Ping(token=1))
    if not isinstance(answer, Pong):
        raise NotRefusedError(f"another client was told {answer}")
    return "another client is answered"


def _many_jobs(server: RunningServer) -> str:
    """All that are taken are cancelled again."""
    taken, answer = list[str](), None
    with raw_socket(server, "control") as dealer, server.client() as client:
        session(dealer)
        while len(taken) < 1000 and not isinstance(answer, Refused):
            job_id = new_id()
            answer = ask(dealer, Submit(job_id=job_id, digest="0" * 64, nbytes=1000, engine="draft"))
            taken.append(job_id)
        for job_id in taken[:-1]:
            client.cancel(job_id)
    if not isinstance(answer, Refused) or answer.code is not RefusalCode.BUSY:
        raise NotRefusedError(f"{answer}")
    return f"{answer.what}: {answer.why}"


def _blob(server: RunningServer, payload: bytes) -> str:
    with server.client() as client:
        try:
            client.submit(new_id(), payload, "draft")
        except ServiceError as error:
            if error.code != RefusalCode.BAD_PAYLOAD:
                raise NotRefusedError(error.sentence) from error
            return error.sentence[:200]
    raise NotRefusedError("the shot was taken")


def _job(server: RunningServer, payload: bytes) -> str:
    """The engine says no, in its first attempt."""
    with server.client() as client:
        client.submit(job_id := new_id(), payload, "draft")
        end = list(client.follow(job_id))[-1]
    if not isinstance(end, StateEvent) or (end.state, end.attempt) != (JobState.FAILED, 1):
        raise NotRefusedError(f"{end}")
    return end.reason[:200]


def _make_clips(client: Client, count: int) -> None:
    """So many at once: each worker has one to make."""
    jobs = [new_id() for _ in range(count)]
    for job_id in jobs:
        client.submit(job_id, small_payload(motorcycle(), "draft"), "draft")
    for job_id in jobs:
        end = list(client.follow(job_id))[-1]
        if not isinstance(end, StateEvent) or end.state is not JobState.DONE:
            raise NotRefusedError(f"a good shot ended as {end}")


def _processes(server: RunningServer) -> list[psutil.Process]:
    """The server and then its workers."""
    assert server.process is not None
    return [psutil.Process(server.process.pid), *workers_of(server)]


def _peak(process: psutil.Process) -> int:
    """Bytes."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--workers", default=AUTO, help="of the server, as in realcam serve: light,light,light,light")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options.rounds, Path(folder), options.workers)
    print(json.dumps(asdict(figures), indent=1))
    sys.exit(not figures.clean)


if __name__ == "__main__":
    main()
