"""Which workers a cluster's nodes have: pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.engines.engine import EngineNeeds
from server.service.workers.executor import Card, WorkerKind, WorkerPlace

from .driver_messages import CARD_MEMORY, Node

GB = 2**30


@dataclass(frozen=True)
class Seat:
    """A worker that a node can have.

    Attributes:
        place: what it is to the dispatcher.
        node_id: Ray's name of the node.
        cpus: processors that Ray gives to nobody else while it runs; 0 for one that is idle most of the time.
    """

    place: WorkerPlace
    node_id: str
    cpus: int


def node_names(nodes: Iterable[Node], known: Mapping[str, str]) -> dict[str, str]:
    """A name for each node, by Ray's: its host name, with a part of Ray's where another node has that.

    Args:
        nodes: those there are.
        known: names given before, which stay while their node is there.
    """
    names = {node.node_id: known[node.node_id] for node in nodes if node.node_id in known}
    for node in nodes:
        if node.node_id not in names:
            taken = node.host in names.values()
            names[node.node_id] = f"{node.host}-{node.node_id[:6]}" if taken else node.host
    return names


def seats(node: Node, name: str, *, heavy: bool, together: int = 1) -> tuple[Seat, ...]:
    """The workers of a node: one for what needs no card, one for each card, or for so many of them.

    Args:
        node: which one.
        name: its name.
        heavy: whether networks are computed on its processors.
        together: cards of a worker; the last one has those that are left over.
    """
    if node.problem:
        return ()

    def seat(kind: WorkerKind, own: str, cpus: int, cards: tuple[Card, ...] = ()) -> Seat:
        return Seat(WorkerPlace(f"{name}/{own}", kind, cards, name), node.node_id, cpus)

    cards = [Card(str(number), memory) for number, memory in enumerate(node.card_memory)]
    groups = [tuple(cards[first : first + together]) for first in range(0, len(cards), together)]
    found = [seat(WorkerKind.CARD, f"card{'+'.join(card.name for card in group)}", 0, group) for group in groups]
    if node.cpus >= 1:
        found.insert(0, seat(WorkerKind.LIGHT, "light", 0))
    if heavy and node.cpus >= 2:
        found.append(seat(WorkerKind.HEAVY, "heavy", node.cpus - 1))
    return tuple(found)


def demanded(need: EngineNeeds, memory_declared: bool) -> dict[str, float]:
    """What one job asks of Ray's autoscaler.

    Args:
        need: of its engine.
        memory_declared: whether nodes say how much memory their cards have; else none would ever do.
    """
    memory = math.ceil(need.card_memory / GB)
    return {"GPU": float(need.cards), **({CARD_MEMORY: float(memory)} if memory_declared and memory else {})}
