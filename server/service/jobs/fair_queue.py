"""The order in which queued jobs run: in turn by client, within each queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Waiting(NamedTuple):
    """A queued job: its number in order of submission, its id, its owner and its engine."""

    number: int
    job_id: str
    owner: str
    engine: str = ""


class FairQueue:
    """Who was served last in each queue. Engines whose jobs the same workers run share a queue.

    Attributes:
        lanes: the queue of each engine, by its name; engines that are not in it share one.
    """

    def __init__(self) -> None:
        self.lanes: Mapping[str, str] = {}
        self._served: dict[str, list[str]] = {}

    def lane(self, engine: str) -> str:
        """The queue that an engine's jobs wait in."""
        return self.lanes.get(engine, "")

    def note_started(self, engine: str, owner: str) -> None:
        """Note that a job of this owner was started: the others come first in its queue now."""
        lane = self.lane(engine)
        self._served[lane] = [other for other in self._served.get(lane, ()) if other != owner] + [owner]

    def in_order(self, waiting: Iterable[Waiting]) -> dict[str, list[Waiting]]:
        """The jobs in the order in which they will run, by queue."""
        by_lane: dict[str, list[Waiting]] = {}
        for job in waiting:
            by_lane.setdefault(self.lane(job.engine), []).append(job)
        return {lane: schedule(jobs, self._served.get(lane, ())) for lane, jobs in by_lane.items()}


def schedule(waiting: Sequence[Waiting], served_last: Sequence[str]) -> list[Waiting]:
    """The jobs in the order they will run: round robin over the owners, the oldest job of each first.

    Args:
        waiting: the queued jobs, in any order.
        served_last: owners, the one served longest ago first. Owners who were never served come before all of them, by
            their oldest job.
    """
    of_owner: dict[str, list[Waiting]] = {}
    for job in sorted(waiting):
        of_owner.setdefault(job.owner, []).append(job)
    rank = {owner: place for place, owner in enumerate(served_last)}
    owners = sorted(of_owner, key=lambda owner: (rank.get(owner, -1), of_owner[owner][0].number))
    order: list[Waiting] = []
    for round_number in range(max((len(jobs) for jobs in of_owner.values()), default=0)):
        order.extend(of_owner[owner][round_number] for owner in owners if round_number < len(of_owner[owner]))
    return order
