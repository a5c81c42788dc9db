"""What comes out of a campaign of kills: the figures, and how soon the jobs that a kill has hit run again."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from server.service.jobs.job_states import MAX_ATTEMPTS


class Kill(NamedTuple):
    """kind: of what. at: when, seconds since the epoch. recovery: seconds that the campaign waited for afterwards."""

    kind: str
    at: float
    recovery: float


class Event(NamedTuple):
    """A state that a job came to, from the store. at: seconds since the epoch."""

    job_id: str
    state: str
    at: float


@dataclass(frozen=True)
class Recovery:
    """How soon all goes on after kills of one kind, seconds.

    Attributes:
        kills: how many there were.
        median, worst: of what the campaign waits for after each kill (see there).
        hit: jobs that ran and went back to the queue.
        again_median, again_worst: from the kill to the next start of each of these.
    """

    kills: int
    median: float
    worst: float
    hit: int
    again_median: float
    again_worst: float


@dataclass
class KillFigures:
    """What came out.

    Attributes:
        jobs: how many were asked for.
        costly: kinds of kills that can cost a job an attempt.
        gave_up: FAILED after MAX_ATTEMPTS lost workers each, as promised; one that failed otherwise is lost.
        wrong: clips that are not what they should be.
        seconds: the campaign's.
    """

    jobs: int
    costly: frozenset[str]
    kills: dict[str, int] = field(default_factory=dict)
    gave_up: int = 0
    lost: int = 0
    finished_twice: int = 0
    wrong: int = 0
    most_attempts: int = 0
    seconds: float = 0.0
    recovery: dict[str, Recovery] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Nothing lost, twice or damaged, and no more jobs given up than the kills explain."""
        explained = self.gave_up * MAX_ATTEMPTS <= sum(self.kills.get(kind, 0) for kind in self.costly)
        return explained and self.lost == self.finished_twice == self.wrong == 0

    def as_json(self) -> str:
        """All of it."""
        return json.dumps({**asdict(self), "costly": sorted(self.costly)}, indent=1)


class KillLog:
    """The kills of a campaign, told on standard error as they fall: a run that is cut off has said something."""

    def __init__(self) -> None:
        self.kills: list[Kill] = []
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the campaign began."""
        return time.monotonic() - self._began

    def add(self, kill: Kill, ended: int) -> None:
        """Note one. ended: jobs that have ended until now."""
        self.kills.append(kill)
        print(
            f"{self.seconds:6.0f} s  kill {len(self.kills)}: {kill.kind}, {kill.recovery:.1f} s; {ended} jobs ended",
            file=sys.stderr,
            flush=True,
        )


def judged(
    figures: KillFigures, kill_log: KillLog, store: Path, brought: Iterable[str], right: Callable[[str, bytes], bool]
) -> KillFigures:
    """The figures, filled in from the store and from what the clients have.

    Args:
        figures: jobs and costly are read.
        kill_log: what was killed.
        store: jobs.sqlite3 of a server that has ended.
        brought: ids of the jobs that the clients were promised, and have brought to an end.
        right: whether the clip of a job is what it should be, from its id and its list of results in the store.
    """
    with contextlib.closing(sqlite3.connect(store)) as connection:
        rows = connection.execute("SELECT job_id, state, losses, attempt, results FROM jobs").fetchall()
        events = [
            Event(*row) for row in connection.execute("SELECT job_id, state, at FROM events ORDER BY at, sequence")
        ]
    done = Counter(event.job_id for event in events if event.state == "done")
    ended = set(brought)
    for job_id, state, losses, attempt, results in rows:
        figures.most_attempts = max(figures.most_attempts, attempt)
        if state == "failed" and losses >= MAX_ATTEMPTS:
            figures.gave_up += 1
            continue
        figures.lost += state != "done" or job_id not in ended
        figures.finished_twice += done[job_id] > 1
        figures.wrong += job_id in ended and not right(job_id, results)
    figures.lost += max(figures.jobs - len(rows), 0)
    figures.kills = dict(Counter(kill.kind for kill in kill_log.kills))
    figures.seconds = kill_log.seconds
    figures.recovery = recoveries(kill_log.kills, events)
    return figures


def recoveries(kills: Sequence[Kill], events: Sequence[Event]) -> dict[str, Recovery]:
    """How soon all went on, by kind of kill.

    A job that went back to the queue is put down to the last kill before that.

    Args:
        kills: in the order of time.
        events: of all jobs, in the order of time.
    """
    waits: Mapping[str, list[float]] = {kill.kind: [] for kill in kills}
    state, hit_by = dict[str, str](), dict[str, Kill]()
    for event in events:
        before = [kill for kill in kills if kill.at <= event.at]
        if event.state == "queued" and state.get(event.job_id) in ("running", "finalizing") and before:
            hit_by[event.job_id] = before[-1]
        elif event.state == "running" and event.job_id in hit_by:
            kill = hit_by.pop(event.job_id)
            waits[kill.kind].append(event.at - kill.at)
        state[event.job_id] = event.state
    return {
        kind: Recovery(
            kills=len(seconds),
            median=median(seconds),
            worst=max(seconds),
            hit=len(again),
            again_median=median(again or [0.0]),
            again_worst=max(again, default=0.0),
        )
        for kind, again in waits.items()
        for seconds in [[kill.recovery for kill in kills if kill.kind == kind]]
    }
