"""The messages between the server and its driver, the process that is connected to the Ray cluster.

They go over the driver's standard input and output, framed as those of a worker (see
server.service.workers.worker_messages). The bytes of payloads, checkpoints and results do not: the driver reads and
writes these files itself, on the server's disk.
"""

from __future__ import annotations

import msgspec

from server.service.logs import LogFormat
from server.service.workers.worker_messages import CancelJob, FromWorker, Pause, RunJob, WorkerMessage

CARD_MEMORY = "realcam_card_gb"
"""The custom resource by which whoever starts a node says how many GB each of its cards has.

It counts where the cards cannot be asked, and an autoscaler knows by it which kind of node to start.
"""

# --- to the driver ------------------------------------------------------------------------------------------------


class StartWorker(WorkerMessage, frozen=True, tag="start"):
    """Start a worker on a node.

    Attributes:
        worker: a number that the server gives to no other one.
        name: of its place, for logs.
        node_id: Ray's name of the node.
        cpus: processors that it keeps busy.
        cards: graphics cards that it has to itself.
        engines: `module:function` that returns the engine makers.
        log_format: of its log.
    """

    worker: int
    name: str
    node_id: str
    cpus: int
    cards: int
    engines: str
    log_format: LogFormat


class Tell(WorkerMessage, frozen=True, tag="tell"):
    """Hand a message to a worker."""

    worker: int
    message: RunJob | CancelJob | Pause


class EndWorker(WorkerMessage, frozen=True, tag="end"):
    """End a worker, wherever it is; nothing more is said of it."""

    worker: int


class Demand(WorkerMessage, frozen=True, tag="demand"):
    """What this server has and its jobs wait for, for Ray's autoscaler: the resources of each."""

    bundles: tuple[dict[str, float], ...]


# --- from the driver ----------------------------------------------------------------------------------------------


class Node(WorkerMessage, frozen=True, tag="node"):
    """A node of the cluster.

    Attributes:
        node_id: Ray's name of it.
        host: its host name.
        cpus: processors that Ray may use.
        card_memory: bytes of each graphics card that Ray may use; 0 where it is not known.
        problem: why it takes no jobs, as a sentence; "" when it does.
        draining: whether it is about to leave.
    """

    node_id: str
    host: str
    cpus: int
    card_memory: tuple[int, ...]
    problem: str = ""
    draining: bool = False


class Nodes(WorkerMessage, frozen=True, tag="nodes"):
    """The nodes that are there now.

    Attributes:
        nodes: those that have been looked at.
        cards_to_come: whether Ray's autoscaler may start nodes with cards.
        memory_declared: whether a node, or a kind of node that the autoscaler may start, has CARD_MEMORY.
    """

    nodes: tuple[Node, ...]
    cards_to_come: bool = False
    memory_declared: bool = False


class Said(WorkerMessage, frozen=True, tag="said"):
    """What a worker says."""

    worker: int
    message: FromWorker


class Alive(WorkerMessage, frozen=True, tag="alive"):
    """A worker gave a sign of life."""

    worker: int


class WorkerEnded(WorkerMessage, frozen=True, tag="ended"):
    """A worker is gone.

    Attributes:
        worker: which one.
        reason: how, in words that follow "The engine's process was lost: ".
        in_good_order: whether its node was being taken out of the cluster.
    """

    worker: int
    reason: str
    in_good_order: bool = False


class OutOfReach(WorkerMessage, frozen=True, tag="out-of-reach"):
    """The cluster cannot be used, and why, as a sentence: the driver ends.

    Attributes:
        reason: the sentence.
        for_good: whether trying again is of no use.
    """

    reason: str
    for_good: bool = False


ToDriver = StartWorker | Tell | EndWorker | Demand
FromDriver = Nodes | Said | Alive | WorkerEnded | OutOfReach

to_driver = msgspec.msgpack.Decoder(ToDriver)
from_driver = msgspec.msgpack.Decoder(FromDriver)
