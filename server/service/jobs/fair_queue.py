"""The queued jobs in the order in which they run: in turn by client, within each queue.

A change costs the same however many jobs wait, and whoever looks reads only as far as they need.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import accumulate, islice
from typing import NamedTuple


class Waiting(NamedTuple):
    """A queued job: its number in order of submission, its id, its owner and its engine."""

    number: int
    job_id: str
    owner: str
    engine: str = ""


class FairQueue:
    """The queued jobs, and who was served last in each queue. Engines whose jobs the same workers run share a queue.

    A queue is a round robin over the owners, the oldest job of each first. Owners who were never served come before
    all others, by their oldest job; then who was served longest ago.

    Attributes:
        lanes: the queue of each engine, by its name; engines that are not in it share one.
    """

    def __init__(self) -> None:
        self.lanes: Mapping[str, str] = {}
        self._served: dict[str, list[str]] = {}
        self._jobs: dict[str, Waiting] = {}
        self._by_engine: dict[str, dict[str, list[Waiting]]] = {}
        """Of each engine, by owner: oldest first, none empty."""

    def lane(self, engine: str) -> str:
        """The queue that an engine's jobs wait in."""
        return self.lanes.get(engine, "")

    def note_started(self, engine: str, owner: str) -> None:
        """Note that a job of this owner was started: the others come first in its queue now."""
        lane = self.lane(engine)
        self._served[lane] = [other for other in self._served.get(lane, ()) if other != owner] + [owner]

    def fill(self, jobs: Iterable[Waiting]) -> None:
        """Hold these jobs and no others."""
        self._jobs, self._by_engine = {}, {}
        for job in sorted(jobs):
            self.add(job)

    def add(self, job: Waiting) -> None:
        """Hold a job more; it may be older than others that wait."""
        self._jobs[job.job_id] = job
        insort(self._by_engine.setdefault(job.engine, {}).setdefault(job.owner, []), job)

    def remove(self, job_id: str) -> None:
        """Hold a job no longer, if it is there."""
        if (job := self._jobs.pop(job_id, None)) is None:
            return
        owners = self._by_engine[job.engine]
        own = owners[job.owner]
        del own[bisect_left(own, job)]
        if not own:
            del owners[job.owner]
        if not owners:
            del self._by_engine[job.engine]

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def in_order(self) -> dict[str, Iterator[Waiting]]:
        """The jobs of each queue in the order in which they will run. Not to be read on after a change."""
        return {lane: _in_turn(of_owner) for lane, of_owner in self._by_lane().items()}

    def first(
        self, most: int, left_out: Callable[[str, str], bool] = lambda engine, owner: False
    ) -> dict[str, list[Waiting]]:
        """The first jobs of each queue in their order: what can be started now is among them.

        Args:
            most: how many of each engine.
            left_out: whether jobs of an engine and an owner are not to start now.
        """
        by_lane = self._by_lane()
        found: dict[str, list[_Turn]] = {lane: [] for lane in by_lane}
        for engine, owners in self._by_engine.items():
            of_owner = by_lane[self.lane(engine)]
            turns = [
                _turns(place, owners[owner], lists)
                for place, (owner, lists) in enumerate(of_owner.items())
                if owner in owners and not left_out(engine, owner)
            ]
            found[self.lane(engine)] += islice(merge(*turns), most)
        return {lane: [job for *_, job in sorted(turns)] for lane, turns in found.items()}

    def places(self, job_ids: Iterable[str]) -> Iterator[tuple[Waiting, int]]:
        """Each of these jobs that waits, with the number of jobs before it in its own queue."""
        by_lane, lines = self._by_lane(), dict[str, _Line]()
        for job in filter(None, map(self._jobs.get, job_ids)):
            lane = self.lane(job.engine)
            if lane not in lines:
                lines[lane] = _Line.of(by_lane[lane])
            own = by_lane[lane][job.owner]
            yield job, lines[lane].before(job.owner, sum(bisect_left(jobs, job) for jobs in own))

    def _by_lane(self) -> dict[str, dict[str, list[list[Waiting]]]]:
        """Of each queue, by owner in their order: the owner's jobs of each engine."""
        found = dict[str, dict[str, list[list[Waiting]]]]()
        for engine, owners in self._by_engine.items():
            of_owner = found.setdefault(self.lane(engine), {})
            for owner, jobs in owners.items():
                of_owner.setdefault(owner, []).append(jobs)
        for lane, of_owner in found.items():
            rank = {owner: place for place, owner in enumerate(self._served.get(lane, ()))}
            order = sorted(of_owner, key=lambda owner: (rank.get(owner, -1), min(jobs[0] for jobs in of_owner[owner])))
            found[lane] = {owner: of_owner[owner] for owner in order}
        return found


_Turn = tuple[int, int, Waiting]
"""The round in which a job has its turn, its owner's place in the round, and the job: less is earlier."""


def _turns(place: int, jobs: Sequence[Waiting], all_jobs: Sequence[Sequence[Waiting]]) -> Iterator[_Turn]:
    """The turns of some of an owner's jobs.

    Args:
        place: of the owner.
        jobs: which, oldest first.
        all_jobs: those of the owner in this queue, each oldest first.
    """
    for job in jobs:
        yield sum(bisect_left(others, job) for others in all_jobs), place, job


def _in_turn(of_owner: Mapping[str, list[list[Waiting]]]) -> Iterator[Waiting]:
    """The jobs in the order they will run: one of each owner, in the owners' order, then the next of each."""
    turns = deque(iter(lists[0]) if len(lists) == 1 else merge(*lists) for lists in of_owner.values())
    while turns:
        jobs = turns.popleft()
        if (job := next(jobs, None)) is not None:
            yield job
            turns.append(jobs)


@dataclass(frozen=True)
class _Line:
    """How many jobs each owner has in a queue.

    Attributes:
        counts: by owner, in their order.
        rising: the same, smallest first.
        sums: of the first n of those, for n from 0.
    """

    counts: Mapping[str, int]
    rising: list[int]
    sums: list[int]

    @classmethod
    def of(cls, of_owner: Mapping[str, list[list[Waiting]]]) -> _Line:
        """That of a queue."""
        counts = {owner: sum(map(len, lists)) for owner, lists in of_owner.items()}
        rising = sorted(counts.values())
        return cls(counts, rising, [0, *accumulate(rising)])

    def before(self, owner: str, own: int) -> int:
        """The number of jobs before an owner's job that has `own` of the same owner before it."""
        # In the rounds before its own, each owner has a turn as long as they have jobs.
        few = bisect_left(self.rising, own)
        earlier_rounds = self.sums[few] + own * (len(self.rising) - few)
        this_round = 0
        for other, count in self.counts.items():
            if other == owner:
                break
            this_round += count > own
        return earlier_rounds + this_round
