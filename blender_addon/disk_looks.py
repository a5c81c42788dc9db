"""What stands on disks, for panels: a draw never waits for a drive or a share that does not answer. No bpy.

A share that is gone answers each question after many seconds, and Blender draws a panel at each move of the mouse.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from .core.awake_clock import Clock
from .core.entry_points import entry_point
from .core.errors import RealCamError

T = TypeVar("T")

KEEP_SECONDS = 2.0
"""How long an answer counts."""
SLOW_TIMES = 10.0
"""An answer that took long counts this many times as long as it took."""
PATIENCE_SECONDS = 0.05
"""How long draws wait for answers: disks of this machine need less than a thousandth of a second for each."""


@dataclass
class _Question:
    """What was asked, and the answer that counts meanwhile."""

    answer: Future[Any] = field(default_factory=Future)
    before: Future[Any] | None = None
    again_at: float = 0.0


class DiskLooks:
    """Answers to questions about files, each asked in a thread of its own and kept for a while.

    Attributes:
        at_once: Whether every question is asked here and now, as where nothing is drawn: in background Blender.
        overdue: Called by `answer` while it gives an answer that may be another one soon.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS, clock: Clock = time.monotonic) -> None:
        """No question yet.

        Args:
            patience: Seconds that all answers together are waited for, within KEEP_SECONDS.
            clock: For what is kept and waited for.
        """
        self.at_once = False
        self.overdue: Callable[[], None] = lambda: None
        self._clock = clock
        self._patience = self._left = patience
        self._patient_again_at = clock() + KEEP_SECONDS
        self._questions: dict[Hashable, _Question] = {}
        self._late: set[Hashable] = set()
        """What was answered without the disk, and is to be answered anew."""

    @property
    def settled(self) -> bool:
        """Whether every question has its answer."""
        return all(question.answer.done() for question in self._questions.values())

    def answer(self, key: Hashable, look: Callable[[], T], unknown: T) -> T:
        """What a look at the disk says, or said last, without waiting for a disk that is slow to answer.

        Args:
            key: Says which question this is.
            look: Asks the disk. Called in a thread: it must use nothing of bpy.
            unknown: The answer as long as there is none, and where the disk refuses to give one: on Windows networks
                have errors that `Path.is_file` raises.

        Raises:
            RealCamError: `look` raised it, or a ValueError; one that nobody foresaw is told as the former.
        """
        if self.at_once:
            return _looked(look, unknown)
        now, question = self._clock(), self._questions.get(key)
        if question is None or (question.answer.done() and now >= question.again_at):
            question = self._questions[key] = self._ask(question, partial(_looked, look, unknown), self._clock)
            if not self._late:
                self._wait(question.answer, now)
        if question.answer.done():
            self._late.discard(key)
            return cast("T", question.answer.result())
        self._late.add(key)
        self.overdue()
        return unknown if question.before is None else cast("T", question.before.result())

    def take_news(self) -> bool:
        """Whether a disk has answered what `answer` had to answer without it; each such answer is told once."""
        told = {key for key in self._late if self._questions[key].answer.done()}
        self._late -= told
        return bool(told)

    def forget(self) -> None:
        """Forget every answer, as after files were written or removed."""
        self._questions.clear()
        self._late.clear()

    def _wait(self, answer: Future[Any], asked_at: float) -> None:
        """Wait for an answer as long as a draw may: it asks many questions, and each may be slow."""
        if asked_at >= self._patient_again_at:
            self._left, self._patient_again_at = self._patience, asked_at + KEEP_SECONDS
        if self._left > 0:
            wait([answer], self._left)
            self._left -= self._clock() - asked_at

    @staticmethod
    def _ask(last: _Question | None, look: Callable[[], Any], clock: Clock = time.monotonic) -> _Question:
        question = _Question(before=None if last is None else last.answer)
        asked_at = clock()

        def settle() -> None:
            now = clock()
            question.again_at = now + max(KEEP_SECONDS, SLOW_TIMES * (now - asked_at))

        def broke(error: RealCamError) -> None:
            settle()
            question.answer.set_exception(error)

        @entry_point("The disk could not be asked", broke)
        def ask() -> None:
            try:
                result = look()
            except (ValueError, RealCamError) as error:
                settle()
                question.answer.set_exception(error)
            else:
                settle()
                question.answer.set_result(result)

        # A daemon: Blender can be closed while a share does not answer.
        threading.Thread(target=ask, name="realcam-disk", daemon=True).start()
        return question


def _looked(look: Callable[[], T], unknown: T) -> T:
    try:
        return look()
    except OSError:
        return unknown


looks = DiskLooks()
"""The questions of this Blender's panels."""
