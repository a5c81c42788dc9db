"""The executor of a server whose workers are on the nodes of a Ray cluster.

What it knows of a worker, and when one starts, rests and is woken, is what a server that stands alone does: this adds
that workers come and go with their nodes, and that the whole cluster may be out of reach.
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from blender_addon.core.awake_clock import Clock
from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.capability import EngineCapability
from server.engines.engine import EngineNeeds
from server.service.logs import LogFormat
from server.service.options import ServiceOptions
from server.service.service import NewExecutor
from server.service.wakeup import Wakeup
from server.service.workers import worker_messages as pipe
from server.service.workers.executor import Listener, WorkerCannotStartError, WorkerKind, WorkerNow, WorkerState
from server.service.workers.local_workers import LocalWorkers
from server.service.workers.worker_process import OnWords, RunningWorker

from .driver_messages import Alive, Demand, FromDriver, Node, Nodes, OutOfReach, Said
from .engines_memory import EnginesMemory
from .link import DriverProcess, NodeWorkerHandle, OnDriver
from .places import Seat, demanded, node_names, seats
from .security import joining

log = logging.getLogger("realcam.cluster")

FIRST_WORDS = 30.0
"""Seconds that the server waits for a worker with a card to say what its engines can do: another server may have it."""
JOIN_SECONDS = 90.0
"""Longest time in which a driver must find the nodes; then another one is started."""
LONGEST_REST = 30.0
"""Longest time between two tries to join, seconds."""

NewDriver = Callable[[OnDriver], DriverProcess]
"""Starts a driver; called with the listener for its messages."""


@dataclass
class _Link:
    """The driver and what it has said.

    Attributes:
        driver: None while there is none.
        started: when it was started, seconds of the loop's clock.
        joined: whether it has told of the nodes.
        failures: drivers that ended one after another without that.
        again_at: when the next one may be started.
        trouble: why the cluster is out of reach, as a sentence; "" when it is not.
    """

    driver: DriverProcess | None = None
    started: float = 0.0
    joined: bool = False
    failures: int = 0
    again_at: float = 0.0
    trouble: str = ""


@dataclass
class _Seen:
    """The nodes that are there.

    Attributes:
        nodes: by Ray's name.
        names: of each node.
        seats: the workers, by name.
        handles: of running workers, by their number.
        cards: whether a node with a card was ever there.
        memory_declared: whether it ever was, see Nodes.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)
    handles: dict[int, NodeWorkerHandle] = field(default_factory=dict)
    cards: bool = False
    memory_declared: bool = False


class ClusterWorkers:
    """An Executor. Use from the loop's thread.

    Args:
        options: the engines' name and the timeouts.
        wakeup: brings the driver's messages to the loop's thread.
        clock: the loop's.
        new_driver: starts a driver.
        cards_per_worker: of a node's workers with cards.
    """

    def __init__(
        self,
        options: ServiceOptions,
        wakeup: Wakeup,
        clock: Clock,
        new_driver: NewDriver,
        cards_per_worker: int = 1,
    ) -> None:
        self._cards_per_worker = cards_per_worker
        self._clock = clock
        self._wakeup = wakeup
        self._new_driver = new_driver
        self._workers = LocalWorkers(options, {}, wakeup, clock)
        self._link = _Link()
        self._seen = _Seen()
        self._numbers = itertools.count(1)
        self._wanted: tuple[dict[str, float], ...] = ()
        self._memory = EnginesMemory(options.data_dir, options.engines)
        if (known := self._memory.recall()) is not None:
            self._workers.assume(known.engines, known.needs)

    def listen(self, listener: Listener) -> None:
        """See Executor."""
        self._workers.listen(listener)

    @property
    def engines(self) -> tuple[EngineCapability, ...] | None:
        """See Executor. While the cluster is out of reach, their notice says so."""
        engines, trouble = self._workers.engines, self._link.trouble
        if not trouble or engines is None:
            return engines
        notice = f"{trouble.rstrip('.')}. Jobs wait until it is back"
        return tuple(msgspec.structs.replace(engine, notice=notice) for engine in engines)

    @property
    def needs(self) -> Mapping[str, EngineNeeds]:
        """See Executor."""
        return self._workers.needs

    @property
    def trouble(self) -> str:
        """See Executor."""
        return self._link.trouble

    def workers(self) -> Sequence[WorkerNow]:
        """See Executor."""
        return self._workers.workers()

    def tick(self) -> None:
        """See Executor."""
        link, now = self._link, self._clock()
        if link.driver is None:
            if now >= link.again_at:
                link.started, link.joined = now, False
                link.driver = self._new_driver(
                    lambda driver, message: self._wakeup.post(lambda: self._hear(driver, message))
                )
        elif not link.joined and now - link.started > JOIN_SECONDS:
            link.driver.kill(f"no node answered for {JOIN_SECONDS:.0f} s")
        if link.joined:
            self._workers.tick()
            self._memory.keep(self._workers.engines, self._workers.needs)

    def want(self, needs: Sequence[EngineNeeds]) -> None:
        """See Executor."""
        self._workers.want(needs)
        self._show_demand(needs)

    def _show_demand(self, needs: Sequence[EngineNeeds]) -> None:
        """Tell Ray's autoscaler of the cards that this server has and that its jobs wait for, when that has changed."""
        if self._link.driver is None or not self._link.joined:
            return
        waiting = [need for need in needs if need.cards and need.without_card != "shared"]
        running = [
            msgspec.structs.replace(self.needs.get(now.engine, EngineNeeds()), cards=len(now.place.cards))
            for now in self._workers.workers()
            if now.place.cards and now.state is WorkerState.READY
        ]
        bundles = tuple(demanded(need, self._seen.memory_declared) for need in [*running, *waiting])
        if bundles != self._wanted:
            self._wanted = bundles
            self._link.driver.send(Demand(bundles=bundles))

    def run(self, worker: str, order: pipe.RunJob) -> None:
        """See Executor."""
        self._workers.run(worker, order)

    def cancel(self, worker: str, order: pipe.CancelJob) -> None:
        """See Executor."""
        self._workers.cancel(worker, order)

    def end(self, worker: str) -> None:
        """See Executor."""
        self._workers.end(worker)

    def pause(self) -> None:
        """See Executor."""
        self._workers.pause()

    def drain(self, name: str, *, pause: bool) -> tuple[str, ...]:
        """See Executor."""
        return self._workers.drain(name, pause=pause)

    def undrain(self, name: str) -> tuple[str, ...]:
        """See Executor."""
        return self._workers.undrain(name)

    def close(self) -> None:
        """See Executor."""
        self._workers.listen(lambda worker, message: None)
        driver, self._link.driver = self._link.driver, None
        if driver is not None:
            driver.close(5.0)

    def _hear(self, driver: DriverProcess, message: FromDriver) -> None:
        """Handle one message of a driver, on the loop's thread. Those of one that was replaced are ignored."""
        if driver is not self._link.driver:
            return
        if isinstance(message, Nodes):
            self._take_nodes(message)
        elif isinstance(message, OutOfReach):
            self._lose(message)
        elif (handle := self._seen.handles.get(message.worker)) is not None:
            if isinstance(message, Said):
                handle.hear(message.message)
            elif isinstance(message, Alive):
                handle.alive()
            else:
                del self._seen.handles[message.worker]
                handle.exit(message.reason, in_good_order=message.in_good_order)

    def _take_nodes(self, message: Nodes) -> None:
        """Have the workers of the nodes that are there, and no others."""
        link, seen = self._link, self._seen
        if not link.joined:
            log.info("the cluster has %d nodes", len(message.nodes))
            link.joined, link.failures, link.trouble = True, 0, ""
        if message.nodes and all(node.problem for node in message.nodes) and self._workers.engines is None:
            raise WorkerCannotStartError(message.nodes[0].problem)
        seen.cards = seen.cards or any(node.card_memory for node in message.nodes)
        self._workers.cards_to_come = message.cards_to_come or seen.cards
        seen.memory_declared = seen.memory_declared or message.memory_declared
        seen.names = node_names(message.nodes, seen.names)
        for node in message.nodes:
            self._note_changes(seen.nodes.get(node.node_id), node)
        seen.nodes = {node.node_id: node for node in message.nodes}
        heavy = not self._workers.cards_to_come
        wanted = {
            seat.place.name: seat
            for node in message.nodes
            for seat in seats(node, seen.names[node.node_id], heavy=heavy, together=self._cards_per_worker)
        }
        for name in [name for name, seat in seen.seats.items() if wanted.get(name) != seat]:
            del seen.seats[name]
            self._workers.remove(name, "its node is gone")
        for name, seat in wanted.items():
            if name not in seen.seats:
                seen.seats[name] = seat
                kind = seat.place.kind
                self._workers.add(
                    seat.place,
                    partial(self._new_worker, seat),
                    stands_by=kind is WorkerKind.LIGHT,
                    speak_by=self._clock() + FIRST_WORDS if kind is WorkerKind.CARD else math.inf,
                    asleep=kind is WorkerKind.HEAVY,
                )
        # Once they are there: a server may join while a node is leaving.
        for node in message.nodes:
            if node.draining:
                self._workers.drain(seen.names[node.node_id], pause=True)

    def _note_changes(self, before: Node | None, node: Node) -> None:
        name = self._seen.names[node.node_id]
        if node.problem and (before is None or before.problem != node.problem):
            log.error("%s", node.problem)
        if node.draining and not (before and before.draining):
            log.info("the node %s is leaving the cluster", name)

    def _new_worker(
        self, seat: Seat, engines: str, log_format: LogFormat, on_words: OnWords, cards: str | None
    ) -> RunningWorker:
        driver = self._link.driver
        assert driver is not None
        number = next(self._numbers)
        handle = NodeWorkerHandle(driver, number, seat, engines, log_format, on_words)
        running = {number: other for number, other in self._seen.handles.items() if not other.over}
        self._seen.handles = {**running, number: handle}
        return handle

    def _lose(self, message: OutOfReach) -> None:
        """Note that the cluster is out of reach: attempts go back to the queue, and it is joined again later."""
        link, seen = self._link, self._seen
        if link.driver is not None:
            link.driver.close(1.0)
        if self._workers.engines is None or message.for_good:
            raise WorkerCannotStartError(message.reason)
        link.driver, link.joined = None, False
        link.failures, link.trouble = link.failures + 1, message.reason
        link.again_at = self._clock() + min(LONGEST_REST, 0.5 * 2**link.failures)
        self._wanted = ()
        log.error("%s Jobs wait; it is joined again as soon as that is possible.", message.reason)
        handles, seen.handles = seen.handles, {}
        for handle in handles.values():
            handle.exit("the Ray cluster is out of reach", in_good_order=True)


def cluster_executor(address: str, *, network_is_private: bool, cards_per_worker: int = 1) -> NewExecutor:
    """What makes the executor of a server on the cluster at this address.

    Args:
        address: host:port of its head, or "local" for one of this machine alone.
        network_is_private: see security.joining.
        cards_per_worker: of a node's workers with cards.

    Raises:
        ServiceError: the cluster is not safe to join, or Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise ServiceError("A cluster needs Ray", "it is not installed", 'Run `pip install "realcam[cluster]"`.')
    how = joining(address, os.environ, Path.home(), network_is_private=network_is_private)

    def new_executor(options: ServiceOptions, wakeup: Wakeup, clock: Clock) -> ClusterWorkers:
        def new_driver(post: OnDriver) -> DriverProcess:
            arguments = (address, options.engines, options.log_format)
            return DriverProcess(*arguments, how.environment, how.prove_closed, post)

        return ClusterWorkers(options, wakeup, clock, new_driver, cards_per_worker)

    return new_executor
