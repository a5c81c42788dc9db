"""Which workers the nodes of a cluster have, and what they are called."""

from __future__ import annotations

import msgspec

from server.cluster.driver_messages import Node
from server.cluster.places import node_names, seats
from server.service.workers.executor import Card, WorkerKind

GB = 2**30
NODE = Node(node_id="abcdef0123", host="render1", cpus=8, card_memory=(24 * GB, 48 * GB))


def test_a_node_has_a_worker_for_short_jobs_and_one_for_each_card() -> None:
    light, *cards = seats(NODE, "render1", heavy=False)
    assert (light.place.name, light.place.kind, light.place.node) == ("render1/light", WorkerKind.LIGHT, "render1")
    assert [(seat.place.name, seat.place.cards) for seat in cards] == [
        ("render1/card0", (Card("0", 24 * GB),)),
        ("render1/card1", (Card("1", 48 * GB),)),
    ]


def test_cards_are_taken_together_as_far_as_they_go() -> None:
    node = msgspec.structs.replace(NODE, card_memory=(24 * GB, 24 * GB, 48 * GB))
    _, *cards = seats(node, "a", heavy=False, together=2)
    assert [(seat.place.name, len(seat.place.cards)) for seat in cards] == [("a/card0+1", 2), ("a/card2", 1)]


def test_networks_on_processors_keep_all_but_one_busy() -> None:
    node = msgspec.structs.replace(NODE, card_memory=())
    assert [(seat.place.kind, seat.cpus) for seat in seats(node, "a", heavy=True)] == [
        (WorkerKind.LIGHT, 0),
        (WorkerKind.HEAVY, 7),
    ]
    one = msgspec.structs.replace(node, cpus=1)
    assert [seat.place.kind for seat in seats(one, "a", heavy=True)] == [WorkerKind.LIGHT]


def test_a_node_without_processors_or_with_a_problem_has_none() -> None:
    assert seats(msgspec.structs.replace(NODE, cpus=0, card_memory=()), "a", heavy=True) == ()
    assert seats(msgspec.structs.replace(NODE, problem="It has Ray 1."), "a", heavy=True) == ()


def test_nodes_of_one_host_name_are_told_apart_and_names_stay() -> None:
    other = msgspec.structs.replace(NODE, node_id="0123456789")
    first = node_names([NODE], {})
    assert first == {"abcdef0123": "render1"}
    both = node_names([other, NODE], first)
    assert both == {"abcdef0123": "render1", "0123456789": "render1-012345"}
    assert node_names([other], both) == {"0123456789": "render1-012345"}
    assert node_names([other], first) == {"0123456789": "render1"}, "it was started again"
