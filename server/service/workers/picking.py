"""Which waiting job starts on which free worker: pure.

Nothing waits that a free worker could run. Within a queue the order is kept, but for one exception: a job for which a
worker would have to load another network lets the next client's job pass that the loaded one can make. It lets only one
pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from server.engines.engine import EngineNeeds
from server.service.jobs.fair_queue import Waiting

from .executor import WorkerKind, WorkerPlace
from .placing import takers


class Start(NamedTuple):
    """A job, and the name of the worker that runs it."""

    job: Waiting
    worker: str


@dataclass
class Picks:
    """What starts now.

    Attributes:
        starts: jobs with their workers.
        left: those that no free worker takes, in their order.
        passed: ids of jobs that let another one pass.
    """

    starts: list[Start] = field(default_factory=list)
    left: list[Waiting] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)


Takers = Callable[[str], Sequence[str]]
"""The names of the workers that take an engine's jobs, the best first."""


def assigned(
    queues: Mapping[str, Sequence[Waiting]],
    free: Mapping[str, str],
    needs: Mapping[str, EngineNeeds],
    places: Sequence[WorkerPlace],
    passed: Collection[str],
) -> Picks:
    """What starts of all queues.

    Args:
        queues: the jobs of each queue in their order, without those that must not start now.
        free: the engine whose network each free worker holds, by the worker's name; "" for none.
        needs: of the engines, by name. What any other engine needs is not known, and every worker takes it.
        places: all workers.
        passed: ids of jobs that have let another one pass before.
    """
    anybody = [place.name for place in places]
    taken_by = {engine: [place.name for place in takers(need, places)] for engine, need in needs.items()}
    cards = {place.name for place in places if place.kind is WorkerKind.CARD}
    networks = {engine for engine, need in needs.items() if need.cards or need.faster_on_card}
    made, left = Picks(), dict(free)

    def take(jobs: Sequence[Waiting], among: Mapping[str, str], by: Takers) -> list[Waiting]:
        picked = picks(jobs, among, by, networks, passed)
        made.starts += picked.starts
        made.passed |= picked.passed
        for start in picked.starts:
            del left[start.worker]
        return picked.left

    def on_cards(jobs: Sequence[Waiting]) -> bool:
        return any(name in cards for engine in {job.engine for job in jobs} for name in taken_by.get(engine, ()))

    # Cards first: those that are left are to spare.
    for jobs in sorted(queues.values(), key=lambda jobs: not on_cards(jobs)):
        waiting = list(jobs)
        if not on_cards(jobs):
            spare = {name: engine for name, engine in left.items() if name in cards}
            fast = [job for job in jobs if job.engine in needs and needs[job.engine].faster_on_card]
            slow = take(fast, spare, _that_need_not_unload(spare))
            gone = {job.job_id for job in fast} - {job.job_id for job in slow}
            waiting = [job for job in waiting if job.job_id not in gone]
        made.left += take(waiting, left, lambda engine: taken_by.get(engine, anybody))
    return made


def _that_need_not_unload(spare: Mapping[str, str]) -> Takers:
    """Takers for workers of cards that nobody needs: a short job does not cost them the network that they hold."""
    return lambda engine: [name for name, held in spare.items() if held in ("", engine)]


def picks(
    order: Sequence[Waiting],
    free: Mapping[str, str],
    taken_by: Takers,
    networks: Collection[str],
    passed: Collection[str],
) -> Picks:
    """What starts of one queue.

    Args:
        order: the jobs in their order, without those that must not start now.
        free: the engine whose network each free worker holds, by the worker's name; "" for none.
        taken_by: the workers that take an engine's jobs.
        networks: engines that load one.
        passed: ids of jobs that have let another one pass before.
    """
    made, waiting, free = Picks(left=[]), list(order), dict(free)
    while free:
        head = next((job for job in waiting if any(name in free for name in taken_by(job.engine))), None)
        if head is None:
            break
        able = [name for name in taken_by(head.engine) if name in free]
        start = _without_loading(head, able, free)
        if start is None and head.engine in networks and head.job_id not in passed:
            start = _of_loaded(waiting, able, free, taken_by)
            if start is not None:
                made.passed.add(head.job_id)
                passed = {*passed, head.job_id}
        start = start or Start(head, able[0])
        made.starts.append(start)
        waiting.remove(start.job)
        del free[start.worker]
    made.left = waiting
    return made


def _without_loading(job: Waiting, able: Sequence[str], free: Mapping[str, str]) -> Start | None:
    """The job on a worker that holds its network, else on one that holds none; None where each holds another."""
    holding = next((name for name in able if free[name] == job.engine), None)
    chosen = holding or next((name for name in able if not free[name]), None)
    return Start(job, chosen) if chosen else None


def _of_loaded(
    waiting: Sequence[Waiting], able: Sequence[str], free: Mapping[str, str], taken_by: Takers
) -> Start | None:
    """The first job, of the first of each client's, for which one of the workers holds the network; None for none."""
    firsts = {job.owner: job for job in reversed(waiting)}.values()
    for job in sorted(firsts, key=waiting.index):
        for name in able:
            if free[name] == job.engine and name in taken_by(job.engine):
                return Start(job, name)
    return None
