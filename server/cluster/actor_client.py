"""The driver's side of one worker: starts its actor, gives it jobs, takes what it says and makes, notices its end."""

from __future__ import annotations

import errno
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from blender_addon.core.errors import WireError
from server.service.workers import worker_messages as pipe
from server.service.workers.checkpoints import STATE
from server.service.workers.worker import DISK_FULL

from .driver_messages import Alive, FromDriver, Said, StartWorker, WorkerEnded
from .node_messages import CheckpointSaved, Heard, ProcessEnded, heard
from .node_worker import NodeWorker
from .transfers import chunks, file_digest, most_bytes, store_checkpoint, store_results

log = logging.getLogger("realcam.cluster")

PATIENCE = 1.0
"""Seconds that a node waits for something to say before it answers that there is nothing."""
AGAIN = 0.5
"""Seconds until a node that could not be reached is asked again."""


class _Lost(Exception):
    """The worker cannot go on, and why, in words that follow "The engine's process was lost: "."""


class ActorClient:
    """One worker on a node, with two threads: one gives it orders, the other one listens to it.

    Args:
        order: what to start.
        server: tells the server of all that use the cluster, for who looks at its actors and logs.
        say: sends a message to the server; callable from any thread.
    """

    def __init__(self, order: StartWorker, server: str, say: Callable[[FromDriver], None]) -> None:
        self._order = order
        self._title = f"{server} {order.name}"
        self._say = say
        self._actor: Any = None
        self._group: Any = None
        """The reservation of its cards, where there are several."""
        self._ending = threading.Lock()
        self._ended = threading.Event()
        self._orders: queue.SimpleQueue[pipe.ToWorker | None] = queue.SimpleQueue()
        self._running: pipe.RunJob | None = None
        self._cancelled: set[tuple[str, int]] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, message: pipe.ToWorker) -> None:
        """Hand a message to the worker, in turn."""
        if isinstance(message, pipe.CancelJob):
            self._cancelled.add((message.job_id, message.attempt))
        self._orders.put(message)

    def end(self) -> None:
        """End the worker. Nothing is said of it afterwards."""
        self._ended.set()
        self._orders.put(None)
        self._kill()

    def _kill(self) -> None:
        if self._actor is not None:
            try:
                ray.kill(self._actor, no_restart=True)
            except (RayError, ValueError) as error:
                log.warning("a worker cannot be ended: %s", _line(error), extra={"worker": self._order.name})
        if self._group is not None:
            try:
                remove_placement_group(self._group)
            except (RayError, ValueError) as error:
                log.warning("cards cannot be given back: %s", _line(error), extra={"worker": self._order.name})

    def _listen(self) -> None:
        """The thread that hears the actor, until its end."""
        try:
            self._actor = self._new_actor()
            if self._ended.is_set():
                self._kill()
            self._must(self._actor.begin.remote())
            threading.Thread(target=self._give_orders, daemon=True).start()
            self._hear_all()
        except (_Lost, WireError) as error:
            self._gone(str(error))
        except msgspec.DecodeError as error:
            self._gone(f"its node sent something unreadable ({error})")
        except RayError as error:
            self._gone(_why_gone(error), in_good_order=bool(getattr(error, "preempted", False)))

    def _new_actor(self) -> Any:
        order = self._order
        where: Any = NodeAffinitySchedulingStrategy(order.node_id, soft=False)
        if order.cards > 1:
            self._group = _cards_of_a_node(order)
            where = PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=0)
        return (
            ray.remote(NodeWorker)
            .options(
                name=f"{self._title} #{order.worker}",
                num_cpus=order.cpus,
                num_gpus=order.cards,
                # Our own attempts fence and retry.
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=8,
                scheduling_strategy=where,
            )
            .remote(order.engines, order.log_format, order.cards > 0, self._title)
        )

    def _must(self, answer: Any) -> None:
        """Wait for an answer that is a sentence where something is wrong."""
        if sentence := ray.get(answer):
            raise _Lost(sentence.decode(errors="replace"))

    def _hear_all(self) -> None:
        last = 0
        while not self._ended.is_set():
            try:
                told = heard.decode(ray.get(self._actor.hear.remote(last, PATIENCE)))
            except ActorUnavailableError:
                # Cut off for a moment, or longer: the server says how long it waits.
                time.sleep(AGAIN)
                continue
            self._tell_server(Alive(worker=self._order.worker))
            for number, message in told:
                last = number
                self._take(message)

    def _take(self, message: Heard) -> None:
        running = self._running
        if isinstance(message, ProcessEnded):
            raise _Lost(message.reason)
        if isinstance(message, CheckpointSaved):
            if running is not None and (message.job_id, message.attempt) == (running.job_id, running.attempt):
                self._keep_checkpoint(running, message)
        elif isinstance(message, pipe.Finished):
            if running is not None and (message.job_id, message.attempt) == (running.job_id, running.attempt):
                self._keep_results(running, message)
        elif isinstance(message, pipe.Failed) and message.reason == DISK_FULL:
            raise _Lost("the disk of its node is full")
        else:
            self._tell_server(Said(worker=self._order.worker, message=message))

    def _keep_checkpoint(self, order: pipe.RunJob, message: CheckpointSaved) -> None:
        try:
            kept = store_checkpoint(order, message.nbytes, self._reader("read_state"), most_bytes(order.limits))
        except OSError as error:
            log.warning("a checkpoint cannot be written: %s", error, extra={"job": order.job_id})
            return
        if not kept:
            log.info("a checkpoint of %d bytes was not taken", message.nbytes, extra={"job": order.job_id})

    def _keep_results(self, order: pipe.RunJob, message: pipe.Finished) -> None:
        try:
            store_results(order, message, self._reader("read_results"))
        except RayTaskError as error:
            raise _Lost(f"its node could not read the results: {_line(error)}") from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise _Lost(f"the results could not be written: {error}") from error
            full = pipe.Failed(job_id=order.job_id, attempt=order.attempt, reason=DISK_FULL)
            self._tell_server(Said(worker=self._order.worker, message=full))
            return
        self._tell_server(Said(worker=self._order.worker, message=message))

    def _reader(self, method: str) -> Callable[[int, int], bytes]:
        """Reads a chunk of a file of the node, and says that the node is alive.

        Of a worker that was ended meanwhile nothing is read: its job may run elsewhere by now.
        """

        def read(offset: int, nbytes: int) -> bytes:
            data: bytes = ray.get(getattr(self._actor, method).remote(offset, nbytes))
            if self._ended.is_set():
                raise _Lost("it was ended")
            self._tell_server(Alive(worker=self._order.worker))
            return data

        return read

    def _give_orders(self) -> None:
        """The thread that gives the actor its orders. What goes wrong with the actor, the other one notices too."""
        while (message := self._orders.get()) is not None:
            try:
                if isinstance(message, pipe.RunJob):
                    self._give_job(message)
                else:
                    ray.get(self._actor.tell.remote(msgspec.msgpack.encode(message)))
            except (_Lost, OSError) as error:
                self._gone(str(error))
                return
            except RayError as error:
                self._gone(_why_gone(error))
                return

    def _give_job(self, order: pipe.RunJob) -> None:
        """Send payload and checkpoint, then the order."""
        self._running = order
        payload, state = Path(order.payload), Path(order.checkpoints) / STATE
        for name, path in [("payload", payload), *([("state", state)] if state.is_file() else [])]:
            for offset, data in chunks(path):
                if (order.job_id, order.attempt) in self._cancelled:
                    stopped = pipe.Stopped(job_id=order.job_id, attempt=order.attempt)
                    self._tell_server(Said(worker=self._order.worker, message=stopped))
                    return
                self._must(self._actor.give.remote(name, offset, data))
        self._must(self._actor.run.remote(msgspec.msgpack.encode(order), file_digest(payload)))

    def _gone(self, reason: str, *, in_good_order: bool = False) -> None:
        """Say that the worker is gone, once."""
        with self._ending:
            self._tell_server(WorkerEnded(worker=self._order.worker, reason=reason, in_good_order=in_good_order))
            self._ended.set()
        self._orders.put(None)
        self._kill()

    def _tell_server(self, message: FromDriver) -> None:
        if not self._ended.is_set():
            self._say(message)


def _cards_of_a_node(order: StartWorker) -> Any:
    """The reservation of all cards of a worker, at once, on its node.

    One after the other, two servers that share the node could each wait for a card that the other one has.
    """
    bundle = {"GPU": float(order.cards), **({"CPU": float(order.cpus)} if order.cpus else {})}
    return placement_group([bundle], strategy="STRICT_PACK", bundle_label_selector=[{"ray.io/node-id": order.node_id}])


def _why_gone(error: RayError) -> str:
    """How a worker was lost, in words."""
    if isinstance(error, RayActorError):
        if "its node has died" in str(error):
            return "its node died or was cut off"
        return "it was killed, by hand or because its node ran out of memory"
    return _line(error)


def _line(error: BaseException) -> str:
    """The last line of an error's text that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
