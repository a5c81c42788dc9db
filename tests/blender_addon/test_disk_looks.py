"""Panels ask disks now and then, in a thread: a share that does not answer keeps no draw waiting."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.disk_looks import KEEP_SECONDS, DiskLooks

A_WHILE = 1000.0
"""Seconds that a test would hang for, where a disk that answers is not waited for."""


def test_an_answer_is_asked_for_once_for_many_draws(tmp_path: Path) -> None:
    now = [0.0]
    looks, asked = DiskLooks(A_WHILE, lambda: now[0]), []
    file = tmp_path / "end.png"
    file.touch()

    def look() -> bool:
        asked.append(file)
        return file.is_file()

    assert [looks.answer(file, look, False) for _ in range(100)] == [True] * 100
    assert len(asked) == 1
    file.unlink()
    now[0] = KEEP_SECONDS
    assert not looks.answer(file, look, True)
    file.touch()
    looks.forget()
    assert looks.answer(file, look, False)


def test_disks_that_are_slow_keep_a_draw_of_many_questions_waiting_once() -> None:
    now = [0.0]
    looks, answers = DiskLooks(A_WHILE, lambda: now[0]), threading.Event()

    def slow() -> str:
        now[0] += A_WHILE
        return "here"

    assert looks.answer("take 1", slow, "unknown") == "here"
    now[0] = 0.0
    # The draw has waited: another question, to the same slow disk, is answered as it may be.
    assert looks.answer("take 2", answers.wait, "unknown") == "unknown"
    answers.set()


def test_a_disk_that_does_not_answer_is_asked_once_and_not_waited_for() -> None:
    looks, answers, asked, overdue = DiskLooks(), threading.Event(), [], []
    looks.overdue = lambda: overdue.append(looks.settled)

    def look() -> str:
        asked.append(0)
        answers.wait()
        return "there"

    assert [looks.answer("clip", look, "unknown") for _ in range(100)] == ["unknown"] * 100
    assert (len(asked), overdue[-1]) == (1, False)
    # Another question does not wait either; the panel is drawn again once its disk has answered.
    answered = threading.Event()
    assert looks.answer("other", answered.wait, False) is False
    assert not looks.take_news()
    answered.set()
    while not looks.take_news():
        pass
    assert (looks.answer("other", answered.wait, False), looks.settled) == (True, False)
    answers.set()
    while not looks.take_news():
        pass
    assert (looks.answer("clip", look, "unknown"), len(asked)) == ("there", 1)
    assert (looks.take_news(), looks.settled) == (False, True)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_disk_that_refuses_breaks_no_panel(at_once: bool) -> None:
    """As a share that was just taken away does on Windows; it is asked again like any other."""
    now = [0.0]
    looks, answers = DiskLooks(A_WHILE, lambda: now[0]), iter([OSError(22, "unexpected network error"), None])
    looks.at_once = at_once

    def look() -> str:
        error = next(answers)
        if error is not None:
            raise error
        return "there"

    assert looks.answer("clip", look, "unknown") == "unknown"
    now[0] = KEEP_SECONDS
    assert looks.answer("clip", look, "unknown") == "there"


def test_what_a_look_raises_is_raised_here() -> None:
    def look() -> str:
        raise ServiceError("The folder cannot be read")

    with pytest.raises(ServiceError, match="cannot be read"):
        DiskLooks(A_WHILE).answer("folder", look, "")


def test_in_background_blender_every_question_has_the_answer_of_now(tmp_path: Path) -> None:
    looks, file = DiskLooks(), tmp_path / "end.png"
    looks.at_once = True
    assert not looks.answer(file, file.is_file, True)
    file.touch()
    assert looks.answer(file, file.is_file, False)
