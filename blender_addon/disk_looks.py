"""What stands on disks, for panels: a draw never waits for a drive or a share that does not answer. No bpy.

A share that is gone answers each question after many seconds, and Blender draws a panel at each move of the mouse.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from .core.entry_points import entry_point
from .core.errors import RealCamError

T = TypeVar("T")

KEEP_SECONDS = 2.0
"""How long an answer counts."""
SLOW_TIMES = 10.0
"""An answer that took long counts this many times as long as it took."""
PATIENCE_SECONDS = 0.05
"""How long a draw waits for an answer: disks of this machine need less than a thousandth of a second."""


@dataclass
class _Question:
    """What was asked, and the answer that counts meanwhile."""

    answer: Future[Any] = field(default_factory=Future)
    before: Future[Any] | None = None
    asked_at: float = 0.0
    again_at: float = 0.0


class DiskLooks:
    """Answers to questions about files, each asked in a thread of its own and kept for a while.

    Attributes:
        at_once: Whether every question is asked here and now, as where nothing is drawn: in background Blender.
        overdue: Called by `answer` while it gives an answer that may be another one soon.
    """

    def __init__(self) -> None:
        self.at_once = False
        self.overdue: Callable[[], None] = lambda: None
        self._questions: dict[Hashable, _Question] = {}

    @property
    def settled(self) -> bool:
        """Whether every question has its answer."""
        return all(question.answer.done() for question in self._questions.values())

    def answer(self, key: Hashable, look: Callable[[], T], unknown: T) -> T:
        """What a look at the disk says, or said last, without waiting for a disk that is slow to answer.

        Args:
            key: Says which question this is.
            look: Asks the disk. Called in a thread: it must use nothing of bpy.
            unknown: The answer as long as there is none.

        Raises:
            OSError: `look` raised it, or a ValueError or RealCamError; one that nobody foresaw is told as the latter.
        """
        if self.at_once:
            return look()
        question = self._questions.get(key)
        if question is None or (question.answer.done() and time.monotonic() >= question.again_at):
            patient = self.settled
            question = self._ask(question, look)
            self._questions[key] = question
            if patient:
                _wait(question.answer)
        if question.answer.done():
            return cast("T", question.answer.result())
        self.overdue()
        return unknown if question.before is None else cast("T", question.before.result())

    def forget(self) -> None:
        """Forget every answer."""
        self._questions.clear()

    @staticmethod
    def _ask(last: _Question | None, look: Callable[[], Any]) -> _Question:
        question = _Question(before=None if last is None else last.answer, asked_at=time.monotonic())

        def broke(error: RealCamError) -> None:
            _settle(question)
            question.answer.set_exception(error)

        @entry_point("The disk could not be asked", broke)
        def ask() -> None:
            try:
                result = look()
            except (OSError, ValueError, RealCamError) as error:
                _settle(question)
                question.answer.set_exception(error)
            else:
                _settle(question)
                question.answer.set_result(result)

        # A daemon: Blender can be closed while a share does not answer.
        threading.Thread(target=ask, name="realcam-disk", daemon=True).start()
        return question


def _settle(question: _Question) -> None:
    now = time.monotonic()
    question.again_at = now + max(KEEP_SECONDS, SLOW_TIMES * (now - question.asked_at))


def _wait(answer: Future[Any]) -> None:
    answered = threading.Event()
    answer.add_done_callback(lambda _: answered.set())
    answered.wait(PATIENCE_SECONDS)


looks = DiskLooks()
"""The questions of this Blender's panels."""
