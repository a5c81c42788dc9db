"""What of an engine's reports a worker passes on."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import Limits
from server.engines.engine import Cancelled
from server.service.workers import worker_messages as pipe
from server.service.workers.worker import Reporter
from server.service.workers.worker_process import _exit_in_words

JOB = pipe.RunJob(job_id="a" * 32, attempt=1, engine="realcam", payload="", work="", checkpoints="", limits=Limits())
PICTURE = np.zeros((8, 8, 3), np.uint8)


class Listening:
    """A reporter, its clock in the test's hands, and the (step, whether with a picture) it has passed on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.heard: list[tuple[int, bool]] = []
        self.cancelled = False
        self.reporter = Reporter(self._hear, JOB, lambda: self.cancelled, lambda: self.now)

    def _hear(self, message: pipe.FromWorker) -> None:
        assert isinstance(message, pipe.Step)
        assert message.progress.has_preview == bool(message.preview)
        self.heard.append((message.progress.step, bool(message.preview)))

    def report(self, at: float, step: int, picture: bool = False) -> None:
        self.now = 100.0 + at
        self.reporter(JobProgress(step, 10, "Sampling", PICTURE if picture else None))


def test_a_picture_that_comes_right_after_another_report_goes_with_the_next() -> None:
    """As an engine does that asks between steps whether to go on: it asks right before a step is done."""
    line = Listening()
    line.report(0.0, 1)
    line.report(0.01, 2, picture=True)
    line.report(0.3, 2)
    line.report(0.6, 2)
    assert line.heard == [(1, False), (2, True), (2, False)]


def test_pictures_come_at_most_twice_a_second_and_the_newest_counts() -> None:
    line = Listening()
    for tenths in range(20):
        line.report(tenths * 0.125, 1, picture=True)
    assert sum(pictured for _, pictured in line.heard) == 5


def test_the_last_step_is_always_told() -> None:
    line = Listening()
    line.report(0.0, 9)
    line.report(0.01, 10, picture=True)
    assert line.heard == [(9, False), (10, True)]


def test_a_cancel_is_heard_at_any_report() -> None:
    line = Listening()
    line.report(0.0, 1)
    line.cancelled = True
    with pytest.raises(Cancelled):
        line.report(0.01, 1)


def left_of(*reports: tuple[float, int, int]) -> list[float | None]:
    """The seconds left that are told at each of these: when, steps done, steps in all."""
    told: list[float | None] = []

    def hear(message: pipe.FromWorker) -> None:
        assert isinstance(message, pipe.Step)
        told.append(message.progress.seconds_left)

    now = [0.0]
    report = Reporter(hear, JOB, lambda: False, lambda: now[0])
    for now[0], done, total in reports:
        report(JobProgress(done, total, ""))
    return told


def test_what_is_left_is_estimated_anew_when_something_else_is_counted() -> None:
    """A minute of download says nothing of how long the prediction takes after it."""
    told = left_of((0.0, 0, 3), (1.0, 34, 99), (11.0, 44, 99), (70.0, 1, 3), (72.0, 2, 3))
    assert told == [None, None, 55.0, None, 2.0]


def test_the_time_before_the_first_step_is_not_taken_for_that_of_a_step() -> None:
    """A minute to load the network, then steps of two seconds: not ten minutes for the rest."""
    told = left_of((0.0, 0, 10), (60.0, 0, 10), (62.0, 1, 10), (64.0, 2, 10), (80.0, 10, 10))
    assert told == [None, None, None, 16.0, 0.0]
    assert left_of((60.0, 41, 50), (62.0, 42, 50)) == [None, 16.0], "those of an earlier attempt took no time"


def test_how_a_worker_ended_is_told_in_words() -> None:
    assert _exit_in_words(3) == "it ended with exit code 3"
    if os.name == "posix":
        assert _exit_in_words(-signal.SIGSEGV) == "it crashed with SIGSEGV"
        assert _exit_in_words(-signal.SIGKILL).startswith("it was killed, by hand or because")
