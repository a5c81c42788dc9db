"""Client and server of the product in one thread, with a wire between them that chance may treat as it likes.

Real: the client, everything of the server behind its sockets, the store, the files and the clock. Simulated: the
sockets and the worker. Nobody waits for the clock: a client's wait ends when nothing more can come, whatever its
patience, and the server's timeouts are longer than any scenario. A list of faults says what happens next; when it is
used up, everything arrives in order.
"""

from __future__ import annotations

import enum
import hashlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.client_session import ConnectionLostError
from blender_addon.core.protocol.framing import Frame, Received, decode_server_message, encode
from blender_addon.core.protocol.messages import (
    PROTOCOL_VERSION,
    Hello,
    Limits,
    Pong,
    Progress,
    ResultFile,
    ServerMessage,
    Welcome,
)
from blender_addon.core.protocol.server_address import ServerAddress
from server.engines.engine import EngineNeeds
from server.service.jobs.job_files import MANIFEST, JobFiles, Manifest
from server.service.jobs.job_manager import JobManager, reconcile
from server.service.jobs.job_store import JobStore
from server.service.options import ServiceOptions
from server.service.requests.control_requests import ControlHandler
from server.service.requests.data_requests import DataHandler
from server.service.requests.outbox import Outbox
from server.service.requests.router import MessageRouter
from server.service.requests.sessions import Sessions
from server.service.requests.sockets import Delivery, Incoming
from server.service.wakeup import Wakeup
from server.service.workers import worker_messages as pipe
from server.service.workers.dispatcher import Dispatcher
from server.service.workers.executor import WorkerKind, WorkerPlace
from server.service.workers.local_workers import LocalWorkers
from server.service.workers.worker_process import WorkerExit

ONE = {WorkerPlace("any", WorkerKind.ANY): None}
"""The workers of a server that has one."""
LIMITS = Limits(chunk_bytes=16 * 1024, chunks_in_flight=3)
MOST_STEPS = 5000
"""More than any scenario needs: a client that is still waiting then waits for ever."""


class Fault(enum.StrEnum):
    """What chance can do next. The first is none: the message that has waited longest arrives."""

    DELIVER = enum.auto()
    OVERTAKE = enum.auto()
    DUPLICATE = enum.auto()
    DROP = enum.auto()
    CUT = enum.auto()
    WORK = enum.auto()
    WORKER_DIES = enum.auto()
    SERVER_DIES = enum.auto()


@dataclass(frozen=True)
class Packet:
    """A message on its way. route: the connection it belongs to."""

    to_server: bool
    channel: str
    route: bytes
    user: str
    frames: tuple[bytes, ...]


def clip_of(shot_file: bytes) -> bytes:
    """What the simulated engine makes of a shot: more than one chunk, and another for every shot."""
    return hashlib.sha256(shot_file).digest() * 1500


class World:
    """The server, the wire and everybody's connections. `faults`: what happens next, with a number that says to which
    of the messages on their way."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self.folder = folder
        self._limits = limits
        self.faults: deque[tuple[Fault, int]] = deque()
        self.in_flight: list[Packet] = []
        self.connections: dict[bytes, Connection] = {}
        self._routes = itertools.count()
        self._steps = 0
        self._boots = 0
        self._open_server()

    def close(self) -> None:
        self._store.close()
        self._wakeup.close()

    # --- the server ---------------------------------------------------------------------------------------------

    def _open_server(self) -> None:
        self._boots += 1
        options = ServiceOptions(data_dir=self.folder, config_dir=self.folder, limits=self._limits, keep_free=0)
        self._store = JobStore(self.folder / "jobs.sqlite3")
        self._wakeup = Wakeup()
        self._workers: list[Worker] = []
        sessions = Sessions(self._limits.sessions, time.monotonic)
        control, data = FrameSink(self, "control"), FrameSink(self, "data")
        outbox = Outbox(sessions, control, self._limits.unread_messages)
        self.manager = JobManager(self._store, JobFiles(self.folder), outbox.notify_event)
        workers = LocalWorkers(options, ONE, self._wakeup, time.monotonic, self._new_worker)
        dispatcher = Dispatcher(self.manager, options, sessions.note_progress, time.monotonic, workers)
        self.router = MessageRouter(
            self._limits,
            sessions,
            outbox,
            ControlHandler(self.manager, dispatcher, options, f"boot {self._boots}", lambda: None),
            DataHandler(self.manager, sessions, self._wakeup, self._limits, data.send, AtOnce()),
            control,
            data,
            allowed=lambda user: True,
            pong=lambda ping: Pong(token=ping.token, boot_id="", loop_lag=0.0),
            clock=time.monotonic,
        )
        self._dispatcher = dispatcher
        reconcile(self.manager)
        self._turn()

    def _new_worker(self, engines: str, log_format: str, on_words: Callable[..., None], cards: str | None) -> Worker:
        worker = Worker(on_words)
        self._workers.append(worker)
        return worker

    def _turn(self) -> None:
        """What the server's loop does in a turn."""
        for action in self._wakeup.take():
            action()
        self._dispatcher.tick()
        self.router.flush()

    def _server_dies(self) -> None:
        self.close()
        for connection in self.connections.values():
            connection.broken = True
        self.in_flight = [packet for packet in self.in_flight if not packet.to_server]
        self._open_server()

    # --- the wire -----------------------------------------------------------------------------------------------

    def connect(
        self, address: ServerAddress, config: Path, client_id: str, software: str, timeout: float, interrupted: object
    ) -> Connection:
        """See client.Connect. `client_id` is also the key."""
        connection = Connection(self, b"route %d" % next(self._routes), client_id, address)
        self.connections[connection.route] = connection
        connection.greet(software)
        return connection

    def step(self) -> bool:
        """One thing happens. False when nothing is left that could."""
        self._steps += 1
        assert self._steps < MOST_STEPS, "a client waits for ever"
        fault, number = self.faults.popleft() if self.faults else (Fault.DELIVER, 0)
        happened = self._apply(fault, number)
        self._turn()
        return happened

    def _apply(self, fault: Fault, number: int) -> bool:
        if fault is Fault.SERVER_DIES:
            self._server_dies()
        elif fault is Fault.WORKER_DIES:
            self._workers[-1].kill()
        elif fault is Fault.CUT:
            for connection in self.connections.values():
                connection.broken = True
        elif fault is Fault.WORK or not self.in_flight:
            return self._workers[-1].work()
        else:
            at = 0 if fault is Fault.DELIVER else number % len(self.in_flight)
            packet = self.in_flight[at] if fault is Fault.DUPLICATE else self.in_flight.pop(at)
            if fault is not Fault.DROP:
                self._arrive(packet)
        return True

    def _arrive(self, packet: Packet) -> None:
        if packet.to_server:
            incoming = Incoming(packet.route, packet.user, list[Frame](packet.frames))
            (self.router.take_control if packet.channel == "control" else self.router.take_data)(incoming)
        elif (connection := self.connections.get(packet.route)) is not None:
            received = decode_server_message(packet.frames, LIMITS)
            connection.inbox[packet.channel].append(received)


class FrameSink:
    """What the server sees of a socket."""

    def __init__(self, world: World, channel: str) -> None:
        self._world, self._channel = world, channel

    def send(self, route: bytes, frames: Sequence[Frame]) -> Delivery:
        connection = self._world.connections.get(route)
        if connection is None or connection.broken:
            return Delivery.GONE
        self._world.in_flight.append(Packet(False, self._channel, route, "", tuple(map(bytes, frames))))
        return Delivery.SENT


class Connection:
    """What the client sees of its two sockets: client_session.Session without them."""

    welcome: Welcome

    def __init__(self, world: World, route: bytes, user: str, address: ServerAddress) -> None:
        self.route, self.address = route, address
        self.inbox: dict[str, deque[Received[ServerMessage]]] = {"control": deque(), "data": deque()}
        self.broken = False
        self._world, self._user = world, user

    def greet(self, software: str) -> None:
        try:
            self.send("control", Hello(protocol=PROTOCOL_VERSION, client_id=self._user, software=software))
            answer = self.receive("control", 1.0).message
        except (TimeoutError, ConnectionLostError) as error:
            self.close()
            raise ServiceError("No welcome", code=ErrorCode.UNREACHABLE) from error
        assert isinstance(answer, Welcome)
        self.welcome = answer

    def close(self) -> None:
        del self._world.connections[self.route]

    def send(self, channel: str, message: Any, buffers: Sequence[Any] = (), request_id: int = 0) -> None:
        if not self.broken:
            frames = tuple(map(bytes, encode(message, buffers, request_id)))
            self._world.in_flight.append(Packet(True, channel, self.route, self._user, frames))

    def receive(self, channel: str, timeout: float, interrupted: object = None) -> Received[ServerMessage]:
        """Time passes until something has come, or nothing more can."""
        while not self.inbox[channel]:
            coming = any(packet.route == self.route and not packet.to_server for packet in self._world.in_flight)
            if self.broken and not coming:
                raise ConnectionLostError(self.address, "cut")
            if not self._world.step():
                raise TimeoutError
        return self.inbox[channel].popleft()


class Worker:
    """worker_process.WorkerProcess without a process: works when it is told that time passes."""

    pid = 1

    def __init__(self, on_words: Callable[..., None], needs: EngineNeeds | None = None) -> None:
        self._say = lambda message: on_words(self, message)
        self._jobs: deque[pipe.RunJob] = deque()
        self._cancelled: set[str] = set()
        self._stage = 0
        capability = EngineCapability(name="copy", label="", description="", sizes=((64, 40),), frame_counts=(1,))
        self._say(pipe.Ready(pid=self.pid, engines=(capability,), needs={"copy": needs} if needs else {}))

    def send(self, message: pipe.ToWorker) -> None:
        if isinstance(message, pipe.RunJob):
            self._jobs.append(message)
        elif isinstance(message, pipe.CancelJob):
            self._cancelled.add(message.job_id)

    def kill(self) -> None:
        self._jobs.clear()
        self._say(WorkerExit("it was killed"))

    def close(self, seconds: float) -> None:
        """It is gone already."""

    def work(self) -> bool:
        """A step, the clip, its files: one of these. False when there is nothing to do."""
        if not self._jobs:
            return False
        job, stage = self._jobs[0], self._stage
        key = {"job_id": job.job_id, "attempt": job.attempt}
        self._stage += 1
        if job.job_id in self._cancelled and stage < 2:
            self._say(pipe.Stopped(**key))
        elif stage == 0:
            self._say(pipe.Step(**key, progress=Progress(**key, step=1, steps=1, stage=""), preview=b""))
            return True
        elif stage == 1:
            self._say(pipe.ClipMade(**key))
            return True
        else:
            self._say(pipe.Finished(**key, engine_seconds=1.0, results=_write_results(job)))
        self._stage = 0
        self._jobs.popleft()
        return True


def _write_results(job: pipe.RunJob) -> tuple[ResultFile, ...]:
    folder, clip = Path(job.work), clip_of(Path(job.payload).read_bytes())
    folder.mkdir(parents=True)
    results = (ResultFile(name="clip.mp4", nbytes=len(clip), sha256=hashlib.sha256(clip).hexdigest()),)
    (folder / "clip.mp4").write_bytes(clip)
    manifest = Manifest(job_id=job.job_id, attempt=job.attempt, engine_seconds=1.0, results=results)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return results


class AtOnce(Executor):
    """A pool without threads."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*arguments, **options))
        return done
