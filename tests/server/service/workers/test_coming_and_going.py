"""Workers that are added and removed while the server runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import Limits
from server.engines.engine import EngineNeeds
from server.service.logs import LogFormat
from server.service.options import ServiceOptions
from server.service.wakeup import Wakeup
from server.service.workers import worker_messages as pipe
from server.service.workers.executor import Card, WorkerKind, WorkerLost, WorkerPlace, WorkerState
from server.service.workers.local_workers import LocalWorkers
from server.service.workers.worker_process import OnWords, WorkerExit

LIGHT = WorkerPlace("a/light", WorkerKind.LIGHT, node="a")
CARD = WorkerPlace("a/card0", WorkerKind.CARD, (Card("0", 2**34),), node="a")
NEEDS = {"draft": EngineNeeds(), "network": EngineNeeds(cards=1, without_card="never")}


class Process:
    """A worker's process that says what it is told to say."""

    def __init__(self, on_words: OnWords) -> None:
        self._on_words = on_words
        self.sent: list[pipe.ToWorker] = []
        self.killed = False

    def send(self, message: pipe.ToWorker) -> None:
        self.sent.append(message)

    def kill(self) -> None:
        self.killed = True

    def close(self, seconds: float) -> None:
        self.kill()

    def end(self) -> None:
        self._on_words(self, WorkerExit("it ended"))

    def suspend(self) -> None:
        self._on_words(self, pipe.Suspended(job_id="j", attempt=1))

    def ready(self, label: str) -> None:
        engines = tuple(
            EngineCapability(name=name, label=label, description="", sizes=((8, 8),), frame_counts=(1,))
            for name in NEEDS
        )
        self._on_words(self, pipe.Ready(pid=1, engines=engines, needs=NEEDS))


class Loop:
    """What the service's loop does with its workers."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.wakeup = Wakeup()
        self.processes: list[Process] = []
        self.said: list[object] = []
        self.workers = LocalWorkers(ServiceOptions(data_dir=folder), {}, self.wakeup, lambda: self.now)
        self.workers.listen(lambda worker, message: self.said.append((worker, message)))

    def new(self, engines: str, log_format: LogFormat, on_words: OnWords, cards: str | None) -> Process:
        self.processes.append(Process(on_words))
        return self.processes[-1]

    def turn(self, seconds: float = 0.1) -> None:
        self.now += seconds
        for action in self.wakeup.take():
            action()
        # The dispatcher says what its jobs wait for before each turn: here, nothing.
        self.workers.want([])
        self.workers.tick()

    def states(self) -> dict[str, WorkerState]:
        return {worker.place.name: worker.state for worker in self.workers.workers()}

    def labels(self) -> dict[str, str]:
        return {engine.name: engine.unavailable or engine.label for engine in self.workers.engines or ()}


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    turning = Loop(tmp_path)
    yield turning
    turning.wakeup.close()


def test_a_server_without_workers_waits_for_the_first_one(loop: Loop) -> None:
    loop.turn()
    assert loop.workers.engines is None


def test_an_engine_is_told_of_by_a_worker_that_takes_it_once_all_have_spoken(loop: Loop) -> None:
    loop.workers.add(LIGHT, loop.new, stands_by=True)
    loop.workers.add(CARD, loop.new, stands_by=False, speak_by=30.0)
    loop.turn()
    loop.processes[0].ready("by the light one")
    loop.turn()
    assert loop.workers.engines is None
    loop.processes[1].ready("by the one with a card")
    loop.turn()
    assert loop.labels() == {"draft": "by the light one", "network": "by the one with a card"}


def test_a_worker_that_another_server_keeps_from_its_card_is_not_waited_for_long(loop: Loop) -> None:
    loop.workers.add(LIGHT, loop.new, stands_by=True)
    loop.workers.add(CARD, loop.new, stands_by=False, speak_by=30.0)
    loop.turn()
    loop.processes[0].ready("by the light one")
    loop.turn(29.0)
    assert loop.workers.engines is None
    loop.turn(2.0)
    assert loop.labels()["network"] == "by the light one"


def test_where_all_workers_have_cards_the_server_waits_until_one_has_spoken(loop: Loop) -> None:
    loop.workers.add(CARD, loop.new, stands_by=False, speak_by=30.0)
    loop.turn()
    loop.turn(31.0)
    loop.processes[0].end()
    loop.turn()
    loop.turn(2.0)
    assert len(loop.processes) == 2, "it was started again"
    loop.processes[1].ready("at last")
    loop.turn()
    assert loop.labels()["network"] == "at last"


def test_a_worker_that_does_not_stand_by_rests_until_it_is_wanted(loop: Loop) -> None:
    loop.workers.add(CARD, loop.new, stands_by=False)
    loop.turn()
    loop.processes[0].ready("")
    loop.turn()
    assert loop.states() == {"a/card0": WorkerState.READY}
    loop.turn(601.0)
    assert loop.processes[0].killed


def test_a_process_that_has_suspended_its_job_gets_no_other_one(loop: Loop) -> None:
    """A node that leaves says so in two messages: between them a job could be given to it, and be lost with it."""
    loop.workers.add(LIGHT, loop.new, stands_by=True)
    loop.turn()
    loop.processes[0].ready("")
    loop.turn()
    paths = dict.fromkeys(("payload", "work", "checkpoints"), "")
    loop.workers.run("a/light", pipe.RunJob(job_id="j", attempt=1, engine="draft", limits=Limits(), **paths))
    loop.processes[0].suspend()
    loop.processes[0].end()
    next(loop.wakeup.take())()
    (worker,) = loop.workers.workers()
    assert worker.draining
    loop.turn()
    loop.turn()
    assert len(loop.processes) == 2
    loop.processes[1].ready("")
    loop.turn()
    assert [worker.draining for worker in loop.workers.workers()] == [False]
    assert [type(message) for _, message in loop.said] == [pipe.Suspended, WorkerLost]


def test_a_worker_that_is_removed_loses_its_attempt_and_what_it_says_then_is_not_heard(loop: Loop) -> None:
    loop.workers.add(LIGHT, loop.new, stands_by=True)
    loop.workers.add(CARD, loop.new, stands_by=False)
    loop.turn()
    for process in loop.processes:
        process.ready("")
    loop.turn()
    loop.workers.remove("a/card0", "its node is gone")
    loop.processes[1].ready("")
    loop.turn()
    loop.processes[1].end()
    loop.turn()
    assert loop.said == [("a/card0", WorkerLost("its node is gone"))]
    assert list(loop.states()) == ["a/light"]
    assert "it needs a card" in loop.labels()["network"]
    assert loop.processes[1].killed
    loop.workers.cards_to_come = True
    loop.workers.add(CARD, loop.new, stands_by=False)
    loop.turn()
    loop.processes[2].ready("it came back")
    loop.turn()
    assert loop.labels()["network"] == "it came back"
