"""A server with a long history under the load of many clients: how soon it takes and starts jobs, and how late its loop
is.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.keys import client_keys
from blender_addon.core.protocol.messages import ServerStats
from blender_addon.core.version import COMMAND_LINE_SOFTWARE
from server.service.ready_file import ServerReady
from server.service.requests.zap import AllowedClient, write_allowed
from server.service.service import Turn
from server.terminal.local_service import end_server, wait_until_ready

from .client_process import ClientPlan, Submissions
from .engine import STEP_SECONDS
from .history import write_history
from .server_process import LoopTurns, ServerPlan

CLIENT_PROCESSES = 4
"""Processes that the clients are spread over, as threads of one would wait for each other."""
EXPIRED_SHARE = 0.1
"""Of the jobs on record, those that are forgotten while the server is measured."""
PATIENCE = 300.0
"""Seconds for the server and the clients to be ready."""


@dataclass(frozen=True)
class Load:
    """What a server is measured under.

    Attributes:
        jobs: on record when it starts.
        clients: each with one job at a time, submitted anew once its clip was fetched.
        workers: processes that run jobs.
        seconds: how long clients submit.
        step_seconds: of the engine, which takes STEPS of them for a job.
    """

    jobs: int = 20_000
    clients: int = 64
    workers: int = 16
    seconds: float = 60.0
    step_seconds: float = 0.1


@dataclass(frozen=True)
class Spread:
    """Of some times, seconds: median, 99th percentile and the longest. count: how many there are."""

    p50: float
    p99: float
    longest: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """The spread of these times; zeros of none."""
        if not len(seconds):
            return cls(0.0, 0.0, 0.0, 0)
        p50, p99 = np.percentile(seconds, (50, 99))
        return cls(float(p50), float(p99), float(max(seconds)), len(seconds))


@dataclass(frozen=True)
class ServiceFigures:
    """What was measured, seconds and bytes.

    Attributes:
        submission: from a client's first byte until the job is on the server's disk, payload included.
        burst: the same of all clients' first jobs, submitted at the same moment.
        dispatch: from when a worker was free and a job waited until it was recorded as running.
        loop_lag: what a message that comes at any moment waits for the loop to end its turn.
        loop_processor: the same had the loop's thread waited for nothing: neither for the disk nor for the machine.
        loop_processor_a_job: of the loop's thread, for each clip, with all that happened meanwhile.
        forgotten: jobs that retention removed.
        longest_housekeeping: the longest that it and the rest of the housekeeping stopped the loop.
        longest_housekeeping_processor: the longest of it that the loop's thread worked.
        memory_before, memory_after: resident bytes of the server with all clients connected, and at the end.
        done: clips made.
        seconds: from the first submission to the end.
    """

    load: Load
    submission: Spread
    burst: Spread
    dispatch: Spread
    loop_lag: Spread
    loop_processor: Spread
    loop_processor_a_job: float
    forgotten: int
    longest_housekeeping: float
    longest_housekeeping_processor: float
    memory_before: int
    memory_after: int
    done: int
    seconds: float


def measure_service(load: Load) -> ServiceFigures:
    """Start a server with a history and put it under a load. Takes the load's seconds and some to begin and to end.

    Raises:
        ServiceError: the server or the clients did not start, or ended early.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        configs = [folder / "clients" / str(number) for number in range(load.clients)]
        keys = [client_keys(config).public for config in configs]
        write_history(folder / "data", load.jobs, keys, int(load.jobs * EXPIRED_SHARE), time.time())
        (folder / "config").mkdir()
        write_allowed(folder / "config" / "allowed_clients.json", [AllowedClient(key[:8], key, 0.0) for key in keys])
        began = time.time()
        with _server(folder, load) as ready, _clients(ready, configs, load.seconds) as groups:
            before = _stats(ready, folder)
            began = time.time()
            said = _submitted(groups)
            seconds = time.time() - began
            after = _stats(ready, folder)
        written = msgspec.json.decode((folder / "turns.json").read_bytes(), type=LoopTurns)
        events = _events(folder / "data" / "jobs.sqlite3", began)
    turns = [Turn(*numbers) for numbers in written.turns]
    first, later = ([second for each in said for second in getattr(each, part)] for part in ("first", "later"))
    done = sum(state == "done" for _, state, _ in events)
    return ServiceFigures(
        load=load,
        submission=Spread.of(later),
        burst=Spread.of(first),
        dispatch=Spread.of(dispatch_seconds(events, load.workers)),
        loop_lag=loop_lag([turn.seconds for turn in turns], seconds),
        loop_processor=loop_lag([turn.processor for turn in turns], seconds),
        loop_processor_a_job=sum(turn.processor for turn in turns) / max(done, 1),
        forgotten=load.jobs + len(first) + len(later) - sum(after.jobs.values()),
        longest_housekeeping=max(turn.housekeeping for turn in turns),
        longest_housekeeping_processor=max(turn.housekeeping_processor for turn in turns),
        memory_before=before.memory,
        memory_after=after.memory,
        done=done,
        seconds=seconds,
    )


def loop_lag(turns: Sequence[float], seconds: float) -> Spread:
    """What a message waits that comes at any moment of so many seconds, in which the loop took these turns.

    Args:
        turns: length of each turn, seconds.
        seconds: from the first to the last, with the pauses between them.
    """
    lengths = np.sort(np.asarray(turns, dtype=np.float64))
    seconds = max(seconds, float(lengths.sum()))

    def late(share: float) -> float:
        """The wait that this share of all moments is above: waits of a turn are evenly spread up to its length."""
        low, high = 0.0, float(lengths[-1]) if len(lengths) else 0.0
        for _ in range(50):
            middle = (low + high) / 2
            above = float(np.maximum(lengths - middle, 0.0).sum())
            low, high = (middle, high) if above > share * seconds else (low, middle)
        return high

    return Spread(late(0.5), late(0.01), float(lengths[-1]) if len(lengths) else 0.0, len(lengths))


def dispatch_seconds(events: Sequence[tuple[str, str, float]], workers: int) -> list[float]:
    """How long each job that could have run waited for its start.

    The first `workers` starts could happen once their jobs were queued, each later one also needs that one more job
    has ended.

    Args:
        events: (job id, state, seconds since the epoch) in the order of time, of a server that began without jobs.
        workers: how many jobs run at a time.
    """
    queued = {job_id: at for job_id, state, at in events if state == "queued"}
    starts = [(at, job_id) for job_id, state, at in events if state == "running"]
    free = [at for _, state, at in events if state in ("done", "failed")]
    able = [0.0] * workers + free
    return [max(at - max(freed, queued[job_id]), 0.0) for (at, job_id), freed in zip(starts, able, strict=False)]


@contextmanager
def _server(folder: Path, load: Load) -> Iterator[ServerReady]:
    """What the ready file of a new server says; it has ended, and written its turns, when the context is left."""
    ready_file = folder / "ready.json"
    plan = ServerPlan(
        data_dir=str(folder / "data"),
        config_dir=str(folder / "config"),
        ready_file=str(ready_file),
        turns_file=str(folder / "turns.json"),
        workers=load.workers,
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.bench.service_load.server_process", msgspec.json.encode(plan).decode()],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=child_environment({STEP_SECONDS: str(load.step_seconds)}),
        )

    def check() -> None:
        if process.poll() is not None:
            said = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
            raise ServiceError("The server that is measured has ended", " ".join(said))

    try:
        yield wait_until_ready(ready_file, check, PATIENCE)
        check()
    finally:
        end_server(process, PATIENCE)


@contextmanager
def _clients(ready: ServerReady, configs: Sequence[Path], seconds: float) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of clients that are connected and wait for the word to begin."""
    groups = list[subprocess.Popen[str]]()
    with ExitStack() as stack:
        for number in range(min(CLIENT_PROCESSES, len(configs))):
            plan = ClientPlan(
                control_port=ready.control_port,
                data_port=ready.data_port,
                server_key=ready.public_key,
                configs=list(map(str, configs[number::CLIENT_PROCESSES])),
                seconds=seconds,
            )
            process = subprocess.Popen(
                [sys.executable, "-m", "server.bench.service_load.client_process", msgspec.json.encode(plan).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env=child_environment(),
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            groups.append(process)
        for process in groups:
            _said(process)
        yield groups


def _submitted(groups: Sequence[subprocess.Popen[str]]) -> list[Submissions]:
    """What the clients saw, after telling all of them to begin and waiting for their end."""
    for process in groups:
        assert process.stdin is not None
        process.stdin.write("begin\n")
        process.stdin.flush()
    return [msgspec.json.decode(_said(process), type=Submissions) for process in groups]


def _said(process: subprocess.Popen[str]) -> str:
    """The next line that clients print.

    Raises:
        ServiceError: they have ended.
    """
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ServiceError("The clients of the measurement have ended", f"exit code {process.wait()}")
    return line


def _stats(ready: ServerReady, folder: Path) -> ServerStats:
    with Client(ready.address, "bench", COMMAND_LINE_SOFTWARE, config=folder / "config") as client:
        return client.stats()


def _events(store: Path, since: float) -> list[tuple[str, str, float]]:
    """(job id, state, time) of what happened to jobs since then, in order."""
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute("SELECT job_id, state, at FROM events WHERE at >= ? ORDER BY at", (since,)).fetchall()
