"""How a job ended is said once, in the scene that it belongs to, until that scene's file is closed."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from blender_addon.core.errors import ServiceError

pytestmark = pytest.mark.blender

ERROR = "Something went wrong: for this test. Try again."


class Drawn:
    """Stands in for Blender's layout, which exists only while a window draws.

    Attributes:
        texts: The labels, and the texts of progress bars.
        operators: The identifiers of the operators that have a button.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.operators: list[str] = []

    @property
    def text(self) -> str:
        """All labels, the lines of a wrapped sentence joined."""
        return " ".join(self.texts)

    def label(self, text: str = "", **_how: Any) -> None:
        """Note a label."""
        self.texts.append(text)

    def progress(self, text: str = "", **_how: Any) -> None:
        """Note a bar."""
        self.texts.append(text)

    def operator(self, name: str, **_how: Any) -> Any:
        """Note a button; gives what its properties can be set on."""
        self.operators.append(name)
        return Drawn()

    def row(self, **_how: Any) -> Drawn:
        """A layout inside this one: the same."""
        return self

    column = box = row

    def template_icon(self, **_how: Any) -> None:
        """A picture."""


@pytest.fixture
def failed(quick: ModuleType, shot: Any) -> Any:
    """The scene of a shot that failed before it was sent."""
    from blender_addon.generation.jobs import jobs

    begin(shot)
    jobs.fail(ServiceError("Something went wrong", "for this test", "Try again."))
    assert jobs.view is not None
    assert jobs.view.error == ERROR
    return shot


def begin(scene: Any) -> None:
    from blender_addon.generation.job_run import JobRun
    from blender_addon.generation.jobs import jobs
    from blender_addon.generation.shot_job import ShotJob
    from blender_addon.ui.jobs.runtime import runtime
    from blender_addon.ui.preferences import server_settings
    from blender_addon.ui.shot.requests import shot_request

    JobRun(jobs, ShotJob(shot_request(scene)), server_settings(), runtime.records())


def drawn(bpy: ModuleType) -> tuple[Drawn, Drawn]:
    """What the top of the sidebar draws, and the Generate panel above its settings."""
    from blender_addon.ui.jobs.main_panel import MainPanel
    from blender_addon.ui.shot.generate_panel import GeneratePanel

    top, generate = Drawn(), Drawn()
    MainPanel.draw(SimpleNamespace(layout=top), bpy.context)
    GeneratePanel.draw(SimpleNamespace(layout=generate, _settings=lambda *_: None), bpy.context)
    return top, generate


def test_an_error_stands_once_and_whole_below_generate(quick: ModuleType, failed: Any) -> None:
    top, generate = drawn(quick)
    assert top.texts == []
    assert generate.text.count(ERROR) == 1
    assert generate.operators[0] == "realcam.generate"
    quick.ops.realcam.dismiss()
    assert ERROR not in drawn(quick)[1].text


def test_what_keeps_generate_grey_is_not_said_again_by_the_job_that_it_stopped(quick: ModuleType, shot: Any) -> None:
    from blender_addon.core.errors import RealCamError
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.shot.requests import problems

    begin(shot)
    shot.camera = None
    (sentence,) = problems(shot)
    jobs.fail(RealCamError(sentence))
    assert drawn(quick)[1].text.count("no active camera") == 1


def test_without_a_photo_there_is_no_generate_panel_and_it_stands_at_the_top(quick: ModuleType, failed: Any) -> None:
    from blender_addon.scene import find_photo_scene

    quick.data.objects.remove(find_photo_scene(failed).mesh)
    assert drawn(quick)[0].text.count(ERROR) == 1


def test_a_message_is_one_of_its_scene_and_goes_with_it(quick: ModuleType, failed: Any) -> None:
    from blender_addon.generation.jobs import jobs

    bpy = quick
    bpy.ops.scene.new(type="FULL_COPY")
    assert bpy.context.scene != failed
    assert ERROR not in drawn(bpy)[0].text + drawn(bpy)[1].text
    failed.name = "renamed"
    assert jobs.view_in(failed.session_uid) is jobs.view
    bpy.data.scenes.remove(failed)
    assert not any(jobs.view_in(scene.session_uid) for scene in bpy.data.scenes)


def test_a_job_under_way_is_shown_in_every_scene(quick: ModuleType, shot: Any) -> None:
    from blender_addon.generation.jobs import jobs

    begin(shot)
    quick.ops.scene.new(type="EMPTY")
    assert drawn(quick)[0].texts == [jobs.view.line]


def test_messages_of_a_file_go_with_it(quick: ModuleType, failed: Any) -> None:
    from blender_addon.generation.jobs import jobs

    quick.ops.wm.read_factory_settings(use_empty=True)
    assert jobs.view is None


def test_a_job_that_was_not_sent_ends_with_its_file(quick: ModuleType, shot: Any) -> None:
    from blender_addon.generation.jobs import jobs

    begin(shot)
    quick.ops.wm.read_factory_settings(use_empty=True)
    assert jobs.view is None


def test_undo_takes_back_a_failure_of_what_was_not_sent(quick: ModuleType, failed: Any) -> None:
    from blender_addon.generation.jobs import jobs

    bpy = quick
    for name in ("before", "after"):
        bpy.context.scene.realcam.prompt = name
        bpy.ops.ed.undo_push(message=name)
    bpy.ops.ed.undo()
    assert bpy.context.scene.realcam.prompt == "before"
    assert jobs.view is None


def test_a_server_that_is_not_there_is_said_once(quick: ModuleType, shot: Any) -> None:
    from blender_addon.generation.job_events import Failed
    from blender_addon.generation.jobs import jobs

    begin(shot)
    jobs._take_in(Failed("", "No server answers."))
    assert drawn(quick)[1].text.count("No server answers.") == 1
    quick.ops.realcam.dismiss()
    assert "No server answers." not in drawn(quick)[1].text
