"""Whose turn it is: round-robin over clients, and first come first served within one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Waiting(NamedTuple):
    """A queued job: order of submission, its id and whose it is."""

    number: int
    job_id: str
    owner: str


def turns(waiting: Sequence[Waiting], served_last: Sequence[str]) -> list[str]:
    """Job ids in the order they will run.

    served_last: owners, the one served longest ago first. Owners who were never served come before all of them, by
    their oldest job.
    """
    lanes: dict[str, list[Waiting]] = {}
    for job in sorted(waiting):
        lanes.setdefault(job.owner, []).append(job)
    rank = {owner: place for place, owner in enumerate(served_last)}
    owners = sorted(lanes, key=lambda owner: (rank.get(owner, -1), lanes[owner][0].number))
    order: list[str] = []
    for round_number in range(max((len(lane) for lane in lanes.values()), default=0)):
        order.extend(lanes[owner][round_number].job_id for owner in owners if round_number < len(lanes[owner]))
    return order
