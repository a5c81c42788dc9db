"""What runs on a node: the actor around the process that runs engines there, and what the node says of itself.

The engines' process is the one of a server that stands alone, with the same messages; it does not know where it runs.
What crosses between machines is bytes and numbers, decoded by our own decoders on either side.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque

import msgspec
import psutil
import ray

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ServiceError, WireError
from blender_addon.core.protocol.messages import ResultFile
from server.engines.card_probe import asked_cards
from server.service.logs import LogFormat
from server.service.workers import worker_messages as pipe
from server.service.workers.worker_process import RunningWorker, WorkerExit, WorkerProcess

from .node_files import LEAST_ROOM, NodeFiles
from .node_messages import CheckpointSaved, Heard, NodeFacts, ProcessEnded
from .versions import own_versions

log = logging.getLogger("realcam.cluster")

MB = 10**6
UNHEARD_MOST = 2000
"""Messages that are kept for a server that does not ask; older steps are dropped."""


class NodeWorker:
    """A worker on this node, for one attempt at a time. Its methods may be called while another one waits.

    Those that return bytes which are a sentence return b"" where all is well.

    Args:
        engines: `module:function` that returns the engine makers.
        log_format: of the process's log.
        has_cards: whether Ray gave this actor cards.
        title: whose and which worker it is; Ray begins each line of its log with it.
    """

    def __init__(self, engines: str, log_format: LogFormat, has_cards: bool, title: str) -> None:
        self._title = title
        if "OMP_NUM_THREADS" not in psutil.Process().environ():
            # Ray has set it, to the processors that it counts for this actor: that of the node's owner counts alone.
            os.environ.pop("OMP_NUM_THREADS", None)
        self._files = NodeFiles()
        self._told = threading.Condition()
        self._unheard: deque[tuple[int, Heard]] = deque()
        self._number = 0
        self._order: pipe.RunJob | None = None
        self._results: tuple[ResultFile, ...] = ()
        self._saved: tuple[int, int] | None = None
        """Time and size of the last checkpoint that was told."""
        self._engines = engines
        self._log_format = log_format
        self._cards = None if has_cards else "-1"
        self._process: WorkerProcess | None = None

    def __repr__(self) -> str:
        return self._title

    def begin(self) -> bytes:
        """Start the process; a sentence when this node cannot."""
        room = self._files.room()
        if room < LEAST_ROOM:
            return f"the disk of its node is full: {room / MB:.0f} MB are free at {self._files.folder.parent}".encode()
        self._process = WorkerProcess(self._engines, self._log_format, self._hear, self._cards)
        return b""

    def hear(self, after: int, seconds: float) -> bytes:
        """The messages after this number; those up to it are forgotten.

        Args:
            after: number of the last message that the server has.
            seconds: how long to wait for one.
        """
        with self._told:
            while self._unheard and self._unheard[0][0] <= after:
                self._unheard.popleft()
            self._told.wait_for(lambda: bool(self._unheard), seconds)
            return msgspec.msgpack.encode(list(self._unheard))

    def give(self, name: str, offset: int, data: bytes) -> bytes:
        """Take a chunk of the next attempt's payload or checkpoint; a sentence when it cannot be kept."""
        try:
            if name == "payload" and offset == 0:
                self._files.clear()
                self._saved = None
            self._files.give(name, offset, data)
        except (OSError, WireError) as error:
            return f"its node could not keep the job's files: {error}".encode()
        return b""

    def run(self, order: bytes, digest: str) -> bytes:
        """Begin an attempt whose files are here; a sentence when they are not.

        Args:
            order: a RunJob; its paths are replaced by those of this node.
            digest: SHA-256 of the payload, hexadecimal.
        """
        if self._files.digest() != digest:
            return b"its node received another payload than the one that was sent"
        message = pipe.to_worker.decode(order)
        assert isinstance(message, pipe.RunJob)
        files = self._files
        self._order = msgspec.structs.replace(
            message, payload=str(files.payload), work=str(files.work), checkpoints=str(files.checkpoints)
        )
        self._saved = self._state_now()
        self._send(self._order)
        return b""

    def tell(self, order: bytes) -> None:
        """Hand any other message to the process."""
        self._send(pipe.to_worker.decode(order))

    def read_state(self, offset: int, nbytes: int) -> bytes:
        """A chunk of the checkpoint."""
        return self._files.read_state(offset, nbytes)

    def read_results(self, offset: int, nbytes: int) -> bytes:
        """A chunk of the finished attempt's results, as if they were one file in the order of its `Finished`."""
        return self._files.read_results(self._results, offset, nbytes)

    def end(self) -> None:
        """End the process and delete its files."""
        if self._process is not None:
            self._process.close(5.0)
        self._files.remove()

    def _send(self, message: pipe.ToWorker) -> None:
        if self._process is not None:
            self._process.send(message)

    def _hear(self, _worker: RunningWorker, message: pipe.FromWorker | WorkerExit) -> None:
        """Keep a message of the process, on the thread that reads them, after the checkpoint that was saved before."""
        state = self._state_now()
        if self._order is not None and state not in (None, self._saved):
            self._saved = state
            order = self._order
            self._tell(CheckpointSaved(job_id=order.job_id, attempt=order.attempt, nbytes=state[1] if state else 0))
        if isinstance(message, pipe.Finished):
            self._results = message.results
        self._tell(ProcessEnded(reason=message.reason) if isinstance(message, WorkerExit) else message)

    def _tell(self, message: Heard) -> None:
        with self._told:
            self._number += 1
            self._unheard.append((self._number, message))
            if len(self._unheard) > UNHEARD_MOST:
                kept = [item for item in self._unheard if not isinstance(item[1], pipe.Step | pipe.Heartbeat)]
                self._unheard = deque(kept)
            self._told.notify_all()

    def _state_now(self) -> tuple[int, int] | None:
        try:
            stat = self._files.state.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size


def look_at_node(engines: str) -> bytes:
    """The NodeFacts of the node that this runs on."""
    facts = own_versions(ray.__version__, engines)
    return msgspec.msgpack.encode(NodeFacts(**msgspec.structs.asdict(facts), card_memory=_card_memory()))


def _card_memory() -> tuple[int, ...]:
    """Bytes of each card, all that Ray hides from a process that asked for none; none where their driver is silent."""
    environment = {name: value for name, value in child_environment().items() if name != "CUDA_VISIBLE_DEVICES"}
    try:
        return tuple(card.memory for card in asked_cards(environment))
    except ServiceError as error:
        # Ray takes the warnings of a node to the log of the server.
        log.warning("%s", error.sentence)
        return ()
