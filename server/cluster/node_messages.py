"""What a worker on a node says to the server's side of it, and how: bytes of msgpack, decoded against these types."""

from __future__ import annotations

import msgspec

from server.service.workers.worker_messages import FromWorker, WorkerMessage


class CheckpointSaved(WorkerMessage, frozen=True, tag="checkpoint-saved"):
    """The attempt has another checkpoint, to be read from the node."""

    job_id: str
    attempt: int
    nbytes: int


class ProcessEnded(WorkerMessage, frozen=True, tag="process-ended"):
    """The process that runs the engines is gone, and how."""

    reason: str


Heard = FromWorker | CheckpointSaved | ProcessEnded
"""Messages of the node, each with a number that goes up by one."""

heard = msgspec.msgpack.Decoder(list[tuple[int, Heard]])


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself.

    Attributes:
        python: its Python's version.
        ray: Ray's.
        realcam: ours.
        code: digest of our Python files there.
        engines: digest of the module of the engines there.
        card_memory: bytes of each graphics card that it has.
    """

    python: str
    ray: str
    realcam: str
    code: str
    engines: str
    card_memory: tuple[int, ...] = ()


node_facts = msgspec.msgpack.Decoder(NodeFacts)
