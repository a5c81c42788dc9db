"""A drive that is gone neither breaks nor holds up what is drawn: panels ask the disk about files in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.support.systems.missing_drive import MissingDrive
from tests.support.takes import remembered_take

pytestmark = pytest.mark.blender


@pytest.fixture
def drawn() -> Iterator[None]:
    """As in a window, where panels are drawn."""
    from blender_addon.disk_looks import looks

    before, looks.at_once = looks.at_once, False
    looks.forget()
    yield
    looks.forget()
    looks.at_once = before


@pytest.mark.usefixtures("drawn")
def test_panels_are_drawn_while_the_share_of_the_file_is_gone(
    quick: ModuleType, shot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.disk_looks import looks
    from blender_addon.timeline.takes import remember_take
    from blender_addon.ui.photo.import_fields import has_depth
    from blender_addon.ui.shot.requests import problems
    from blender_addon.ui.takes.copy_operator import CopyTakes
    from blender_addon.ui.takes.take_files import TakeFiles, take_files
    from blender_addon.ui.takes.takes_list import thumbnail

    take = remembered_take(folder_when_made=str(tmp_path / "realcam" / "shot" / "take_001"))
    remember_take(shot, take)
    photo = shot.realcam.photo
    photo.photo_path, photo.depth_path = str(tmp_path / "another.png"), ""

    def draw() -> list[str]:
        thumbnail(take)
        has_depth(photo)
        CopyTakes.poll(quick.context)
        return problems(shot)

    draw()
    looks.forget()
    drive = MissingDrive(tmp_path, monkeypatch)
    assert [draw() for _ in range(20)] == [[]] * 20
    assert take_files(take) is None
    # One question about each: the clips' folder, the take, the depth beside the photo.
    while drive.asked < 3:
        pass
    assert drive.asked == 3
    drive.answers.set()
    while not looks.settled:
        pass
    assert take_files(take) == TakeFiles(None, has_background=False)


@pytest.mark.usefixtures("drawn", "quick")
def test_the_installed_server_is_searched_for_beside_the_drawing(shot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH may name a folder of a share."""
    from blender_addon.ui import preferences
    from blender_addon.ui.shot.requests import problems

    asked: list[threading.Thread] = []
    used = SimpleNamespace(
        server_place=preferences.HERE, use_installed=True, server_address=preferences.DEFAULT_ADDRESS, server_key=""
    )
    monkeypatch.delenv(preferences.ADDRESS_VARIABLE, raising=False)
    monkeypatch.setattr(preferences, "_chosen", lambda: used)
    monkeypatch.setattr(preferences, "installed_realcam", lambda: asked.append(threading.current_thread()))
    assert problems(shot) == []
    assert preferences.uses_own_server()
    assert threading.main_thread() not in asked
    preferences.server_settings()
    assert threading.main_thread() in asked, "what is started is not guessed"


@pytest.mark.usefixtures("addon")
def test_a_folder_without_a_drive_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from blender_addon.shot import check_output

    monkeypatch.setattr(Path, "exists", lambda _: False)
    (problem,) = check_output(tmp_path / "realcam")
    assert "its drive is not there" in problem.sentence


@pytest.mark.usefixtures("drawn")
def test_panels_are_drawn_again_at_each_answer_while_another_drive_is_gone(
    addon: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer of redraws goes on until every disk has answered, and draws only where there is something new."""
    from blender_addon.disk_looks import looks
    from blender_addon.ui import redraw

    drawn: list[bool] = []
    gone, slow = threading.Event(), threading.Event()
    monkeypatch.setattr(redraw, "redraw", lambda: drawn.append(gone.is_set()))
    timer = redraw._show_answers.guard.function  # type: ignore[attr-defined]
    assert looks.answer("gone", gone.wait, None) is None
    assert looks.answer("slow", slow.wait, None) is None
    assert addon.app.timers.is_registered(redraw._show_answers)
    assert (timer(), drawn) == (redraw.SETTLE_SECONDS, [])
    slow.set()
    while not drawn:
        assert timer() == redraw.SETTLE_SECONDS
    assert (timer(), drawn) == (redraw.SETTLE_SECONDS, [False])
    gone.set()
    while timer() is not None:
        pass
    assert drawn == [False, True]
