"""What the engine's process and its helpers say to each other: a line of JSON each, over the helper's pipes.

Tensors do not go this way: they are broadcast in the group that all of them are in.
"""

from __future__ import annotations

import msgspec


class Load(msgspec.Struct, frozen=True, kw_only=True, tag="load"):
    """Load a network: the first order. Answered by Ready.

    Attributes:
        network: name of its class in diffusers.
        folder: of its weights.
        dtype: of them, as torch names it.
        device: where it computes.
    """

    network: str
    folder: str
    dtype: str
    device: str


class Join(msgspec.Struct, frozen=True, kw_only=True, tag="join"):
    """Join the group, and share the network out among its processes.

    Attributes:
        backend: of torch.distributed.
        store: file by which its processes find each other.
        rank: of this one.
        count: of all.
    """

    backend: str
    store: str
    rank: int
    count: int


class TensorForm(msgspec.Struct, frozen=True):
    """A tensor that will be broadcast.

    Attributes:
        name: of the network's argument.
        shape: of the tensor.
        dtype: as torch names it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


class Forward(msgspec.Struct, frozen=True, kw_only=True, tag="forward"):
    """Compute this process's part of a forward pass, whose arguments are broadcast next."""

    arguments: tuple[TensorForm, ...]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The network is loaded."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The helper ends, and why.

    Attributes:
        reason: words of the error.
        out_of_memory: whether its device had no room.
    """

    reason: str
    out_of_memory: bool


Order = Load | Join | Forward
Answer = Ready | Failed

order_of = msgspec.json.Decoder(Order)
answer_of = msgspec.json.Decoder(Answer)


def line(message: Order | Answer) -> bytes:
    """The message as a line."""
    return msgspec.json.encode(message) + b"\n"
