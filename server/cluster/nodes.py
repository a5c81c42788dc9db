"""The nodes of the cluster that this process is connected to, as the server is told of them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import msgspec
import ray
from ray._private.state import state as ray_state
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .driver_messages import CARD_MEMORY, Node, Nodes
from .node_messages import NodeFacts, node_facts
from .node_worker import look_at_node
from .versions import Versions, mismatch

GB = 2**30
LOOK_AGAIN = 15.0
"""Seconds until a node that could not be looked at is looked at again."""


@dataclass
class _Look:
    """What is known of a node.

    Attributes:
        answer: of the task that looks at it; None once it is here.
        facts: what it said.
        problem: why it could not be looked at.
        again_at: when to try again.
    """

    answer: Any
    facts: NodeFacts | None = None
    problem: str = ""
    again_at: float = math.inf


class NodeWatch:
    """Looks at each node once, and again where that failed.

    Args:
        ours: what the server runs.
        engines: `module:function` that returns the engine makers.
    """

    def __init__(self, ours: Versions, engines: str) -> None:
        self._ours = ours
        self._engines = engines
        self._looks: dict[str, _Look] = {}

    def now(self) -> Nodes:
        """The nodes that are there and were looked at.

        Raises:
            RayError: the cluster is out of reach.
        """
        there = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        self._looks = {node_id: look for node_id, look in self._looks.items() if node_id in there}
        for node_id in there:
            self._look_at(node_id)
        leaving = ray_state.get_draining_nodes()
        found = [
            self._node(there[node_id], look, leaving)
            for node_id, look in self._looks.items()
            if look.facts is not None or look.problem
        ]
        most = ray_state.get_max_resources_from_cluster_config() or {}
        return Nodes(
            nodes=tuple(found),
            cards_to_come=bool(most.get("GPU")),
            memory_declared=CARD_MEMORY in most or any(CARD_MEMORY in node["Resources"] for node in there.values()),
        )

    def _look_at(self, node_id: str) -> None:
        look = self._looks.get(node_id)
        if look is None or time.monotonic() > look.again_at:
            where = NodeAffinitySchedulingStrategy(node_id, soft=False)
            task = ray.remote(look_at_node).options(num_cpus=0, max_retries=0, scheduling_strategy=where)
            self._looks[node_id] = _Look(task.remote(self._engines), problem=look.problem if look else "")
        elif look.answer is not None and ray.wait([look.answer], timeout=0)[0]:
            try:
                look.facts, look.problem = node_facts.decode(ray.get(look.answer)), ""
            except (RayError, msgspec.DecodeError, ImportError) as error:
                look.again_at = time.monotonic() + LOOK_AGAIN
                look.problem = str(error).strip().splitlines()[-1][:300] or type(error).__name__
            look.answer = None

    def _node(self, node: dict[str, Any], look: _Look, leaving: dict[str, int]) -> Node:
        resources, facts = node["Resources"], look.facts
        host = node["NodeManagerHostname"]
        problem = look.problem and f"The node {host} cannot run RealCam: {look.problem}. Install RealCam there."
        if facts is not None:
            theirs = Versions(**{name: getattr(facts, name) for name in Versions.__struct_fields__})
            problem = mismatch(host, theirs, self._ours)
        declared = int(resources.get(CARD_MEMORY, 0)) * GB
        measured = facts.card_memory if facts is not None else ()
        cards = int(resources.get("GPU", 0))
        memory = [declared or (measured[number] if number < len(measured) else 0) for number in range(cards)]
        return Node(
            node_id=node["NodeID"],
            host=host,
            cpus=int(resources.get("CPU", 0)),
            card_memory=tuple(memory),
            problem=problem,
            draining=node["NodeID"] in leaving,
        )
