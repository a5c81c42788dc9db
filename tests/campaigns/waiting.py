"""How long jobs wait: on the one worker that a server had, and on workers by resource. Time is simulated, the choice of
the next job and its worker is the server's own.

    python -m tests.campaigns.waiting

`hour`: an hour of depth estimates, drafts and clips of several artists. `crowd`: one client with 500 clips of a minute
and, ten minutes later, another with one. Printed: seconds until short jobs and clips start, median and longest.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from server.engines.engine import EngineNeeds
from server.engines.graphics_card import NvidiaCard
from server.service.jobs.fair_queue import FairQueue, Waiting
from server.service.workers.picking import assigned
from server.service.workers.placing import lanes
from server.service.workers.worker_plan import planned_workers

CARDS = [NvidiaCard(24 * 2**30, 13, str(number)) for number in range(2)]
NETWORK = EngineNeeds(cards=1, card_memory=8 * 2**30, without_card="alone")
NEEDS = {"draft": EngineNeeds(), "depth": EngineNeeds(faster_on_card=True), "clip": NETWORK, "other clip": NETWORK}
SECONDS = {"draft": 8.0, "depth": 5.0, "clip": 1200.0, "other clip": 1200.0}
LOADING = {"draft": 0.0, "depth": 3.0, "clip": 40.0, "other clip": 40.0}
"""Seconds that an engine's network takes to load where its worker holds another one."""
SERVERS = {
    "one worker, one card": ("any", CARDS[:1]),
    "by itself, one card": ("auto", CARDS[:1]),
    "by itself, two cards": ("auto", CARDS),
}


@dataclass(frozen=True)
class Asked:
    """A job: when it comes, whose it is, its engine and how long that takes, seconds."""

    at: float
    owner: str
    engine: str
    seconds: float


def hour(seed: int = 0) -> list[Asked]:
    """An hour of six artists: 10 depth estimates and 10 drafts each, and four clips of twenty minutes in all."""
    chance = random.Random(seed)
    short = [(f"artist {n % 6}", ("depth", "draft")[n % 2]) for n in range(120)]
    long = [(f"artist {n}", ("clip", "other clip")[n % 2]) for n in range(4)]
    return [Asked(chance.uniform(0, 3600), owner, engine, SECONDS[engine]) for owner, engine in (*short, *long)]


def crowd() -> list[Asked]:
    """500 clips of one client at once, and ten minutes later one of another."""
    return [*(Asked(0.0, "many", "clip", 60.0) for _ in range(500)), Asked(600.0, "one", "clip", 60.0)]


def waits(server: str, asked: Sequence[Asked]) -> list[float]:
    """Seconds that each of the jobs waits for its start, in their order."""
    words, cards = SERVERS[server]
    places = list(planned_workers(words, cards))
    queue = FairQueue()
    queue.lanes = lanes(NEEDS, places)
    held = {place.name: "" for place in places}
    busy, waiting, passed = set[str](), list[Waiting](), set[str]()
    started: dict[int, float] = {}
    events: list[tuple[float, int, str]] = [(job.at, number, "") for number, job in enumerate(asked)]
    heapq.heapify(events)
    while events:
        now, number, worker = heapq.heappop(events)
        if worker:
            busy.discard(worker)
        else:
            waiting.append(Waiting(number, str(number), asked[number].owner, asked[number].engine))
        if events and events[0][0] == now:
            continue
        free = {name: engine for name, engine in held.items() if name not in busy}
        queue.fill(waiting)
        picked = assigned(queue.first(len(waiting)), free, NEEDS, places, passed)
        passed |= picked.passed
        waiting = picked.left
        for job, name in picked.starts:
            queue.note_started(job.engine, job.owner)
            started[job.number] = now - asked[job.number].at
            loading = 0.0 if held[name] == job.engine else LOADING[job.engine]
            held[name] = job.engine if LOADING[job.engine] else held[name]
            busy.add(name)
            heapq.heappush(events, (now + loading + asked[job.number].seconds, job.number, name))
    return [started[number] for number in range(len(asked))]


def main() -> None:
    """Print a line for each scenario and server."""
    for name, asked in (("hour", hour()), ("crowd", crowd())):
        for server in SERVERS:
            found = waits(server, asked)
            short = [wait for wait, job in zip(found, asked, strict=True) if job.engine in ("draft", "depth")]
            clips = [wait for wait, job in zip(found, asked, strict=True) if job.engine not in ("draft", "depth")]
            of_short = f"short {median(short):6.0f} {max(short):6.0f}   " if short else f"last {found[-1]:5.0f}   "
            print(f"{name:6} {server:22} {of_short} clips {median(clips):6.0f} {max(clips):6.0f}")


if __name__ == "__main__":
    main()
