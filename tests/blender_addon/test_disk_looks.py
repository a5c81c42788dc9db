"""Panels ask disks now and then, in a thread: a share that does not answer keeps no draw waiting."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.disk_looks import DiskLooks


def test_an_answer_is_asked_for_once_for_many_draws(tmp_path: Path) -> None:
    looks, asked = DiskLooks(), []
    file = tmp_path / "end.png"
    file.touch()

    def look() -> bool:
        asked.append(file)
        return file.is_file()

    assert [looks.answer(file, look, False) for _ in range(100)][-1]
    assert len(asked) == 1
    looks.forget()
    assert looks.answer("another", lambda: "here", "") == "here"


def test_a_disk_that_does_not_answer_is_asked_once_and_not_waited_for() -> None:
    looks, answers, asked, overdue = DiskLooks(), threading.Event(), [], []
    looks.overdue = lambda: overdue.append(looks.settled)

    def look() -> str:
        asked.append(0)
        answers.wait()
        return "there"

    assert [looks.answer("clip", look, "unknown") for _ in range(100)] == ["unknown"] * 100
    assert (len(asked), overdue[-1]) == (1, False)
    # Another question does not wait either, and gets its answer from a disk that has one.
    assert looks.answer("other", lambda: "here", "unknown") in ("here", "unknown")
    answers.set()
    while not looks.settled:
        pass
    assert (looks.answer("clip", look, "unknown"), len(asked)) == ("there", 1)


def test_what_a_look_raises_is_raised_here() -> None:
    def look() -> str:
        raise ServiceError("The folder cannot be read")

    with pytest.raises(ServiceError, match="cannot be read"):
        DiskLooks().answer("folder", look, "")


def test_in_background_blender_every_question_has_the_answer_of_now(tmp_path: Path) -> None:
    looks, file = DiskLooks(), tmp_path / "end.png"
    looks.at_once = True
    assert not looks.answer(file, file.is_file, True)
    file.touch()
    assert looks.answer(file, file.is_file, False)
