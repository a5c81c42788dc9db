"""What the processes that import Ray are asked, and what they answer."""

from __future__ import annotations

import msgspec

ADDRESS = "REALCAM_BENCH_RAY_ADDRESS"
"""The environment variable that tells plain_calls the address of the cluster's head."""


class AddNode(msgspec.Struct, frozen=True):
    """Add a node to the cluster. cards: how many it says that it has."""

    cards: int


class Added(msgspec.Struct, frozen=True):
    """The node is there. address: host:port of the cluster's head."""

    address: str


class Tick(msgspec.Struct, frozen=True, tag="tick"):
    """Call `work.ticked`.

    Attributes:
        workers: calls that can run at the same time.
        each: calls for each of them.
        payload: path of the shot.
    """

    workers: int
    each: int
    payload: str


class Echo(msgspec.Struct, frozen=True, tag="echo"):
    """Call `work.echoed`, once. payload: path of the shot."""

    payload: str


class Took(msgspec.Struct, frozen=True):
    """From the first call until all answers were there. seconds: of that."""

    seconds: float
