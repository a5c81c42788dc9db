"""One shot, several engines: previewed once, sent to each, the takes beside each other; none depends on another."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from blender_addon.generation.job_view import Phase
from tests.support.servers import PATIENCE

pytestmark = pytest.mark.blender


@pytest.fixture
def several(quick: ModuleType, shot: Any) -> Any:
    """The scene, its shot for `copy` and, ticked in the panel, `refuse` and `resume`, on the tests' server."""
    from blender_addon.generation.jobs import jobs
    from tests.support.addon import connected

    quick.ops.realcam.connect()
    connected(quick, lambda: jobs.connected)
    for name in ("refuse", "resume"):
        quick.ops.realcam.also_engine(engine=name)
    return shot


def strips(scene: Any) -> dict[str, tuple[int, float]]:
    """(channel, first frame) of each strip, by its name."""
    from blender_addon import blender_versions

    found = scene.sequence_editor.strips if scene.sequence_editor else ()
    return {strip.name: (strip.channel, blender_versions.strip_span(strip)[0]) for strip in found}


def begin(**options: float | str) -> Any:
    """Begin the shot and hand it to the job thread, as the modal operator does; options are the first engine's."""
    from dataclasses import replace

    import bpy
    import msgspec

    from blender_addon.generation.job_run import JobRun
    from blender_addon.generation.jobs import jobs
    from blender_addon.generation.shot_job import ShotJob
    from blender_addon.ui.jobs.runtime import pump, runtime
    from blender_addon.ui.preferences import server_settings
    from blender_addon.ui.shot.requests import shot_request

    request = shot_request(bpy.context.scene)
    job = ShotJob(replace(request, settings=msgspec.structs.replace(request.settings, options=options)))
    run = JobRun(jobs, job, server_settings(), runtime.records(), job.beside)
    while run.step():
        pump()
    return jobs


def turn_until(bpy: ModuleType, done: Any) -> None:
    """What the timer does in a window, where results are placed by the operator, until `done()`."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.jobs.runtime import begin_waiting, pump

    deadline = time.monotonic() + PATIENCE
    while not done():
        pump()
        if jobs.view is not None and jobs.view.phase is Phase.IMPORTING:
            bpy.ops.realcam.import_clip()
        begin_waiting()
        assert time.monotonic() < deadline, jobs.view
        time.sleep(0.005)


def test_one_press_makes_a_take_on_each_engine_side_by_side(quick: ModuleType, several: Any) -> None:
    """`refuse` fails: the two others lie in neighbouring channels from the same frame, and each says its engine."""
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.preview_state import preview_state

    before = preview_state.number
    assert quick.ops.realcam.generate() == {"FINISHED"}
    assert preview_state.number == before + 1
    assert strips(several) == {"shot copy, take 1": (1, 1), "shot resume, take 1": (2, 1)}
    takes = takes_of(several)
    assert [(take.shot, take.settings.engine, take.number) for take in takes] == [
        ("shot copy", "copy", 1),
        ("shot resume", "resume", 1),
    ]
    assert takes[0].camera == takes[1].camera == several.camera.name
    assert len({(take.frame_start, take.frame_end, take.settings.seed) for take in takes}) == 1
    (background,) = several.camera.data.background_images
    assert "shot copy" in str(Path(background.image.filepath))

    assert quick.ops.realcam.generate() == {"FINISHED"}
    assert strips(several) == {"shot copy, take 2": (1, 1), "shot resume, take 2": (2, 1)}


def test_a_cancel_stops_the_one_under_way_and_the_next_goes_on(quick: ModuleType, several: Any, tmp_path: Path) -> None:
    jobs = begin(until=str(tmp_path / "never"))
    assert [record.title for record in jobs.waiting] == ["shot refuse", "shot resume"]
    turn_until(quick, lambda: jobs.view.phase is Phase.RUNNING)
    jobs.cancel()
    turn_until(quick, lambda: not jobs.busy and not jobs.waiting)
    assert [view.phase for view in jobs.ended_before] == [Phase.CANCELLED, Phase.FAILED]
    assert "shot refuse" in jobs.ended_before[1].title
    assert jobs.view.phase is Phase.DONE
    assert strips(several) == {"shot resume, take 1": (1, 1)}


def test_those_that_wait_outlive_blender(quick: ModuleType, several: Any, tmp_path: Path) -> None:
    """They are on this disk before the first is sent; the file offers them when it is opened again."""
    from blender_addon.ui.jobs.runtime import runtime

    jobs = begin(until=str(tmp_path / "never"))
    turn_until(quick, lambda: jobs.view.phase is Phase.RUNNING)
    runtime.refresh_pending()
    assert runtime.pending == (), "while it is open they are no jobs left behind"
    jobs.close()
    runtime.refresh_pending()
    titles = {record.title: record.job_id for record in runtime.pending}
    assert set(titles) == {"shot copy", "shot refuse", "shot resume"}
    assert quick.ops.realcam.resume(job_id=titles["shot resume"]) == {"FINISHED"}
    from blender_addon.generation.jobs import jobs as jobs_after

    (tmp_path / "never").touch()
    turn_until(quick, lambda: not jobs_after.busy)
    assert strips(several) == {"shot resume, take 1": (1, 1)}


def test_one_that_waits_can_be_dropped(quick: ModuleType, several: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    from blender_addon.ui.jobs.runtime import runtime

    jobs = begin(until=str(gate))
    refuse, resume = jobs.waiting
    assert quick.ops.realcam.forget_job(job_id=refuse.job_id) == {"FINISHED"}
    assert jobs.waiting == (resume,)
    gate.touch()
    turn_until(quick, lambda: not jobs.busy and not jobs.waiting)
    ended = [(view.title, view.phase, view.error) for view in (*jobs.ended_before, jobs.view)]
    assert ended == [("shot copy", Phase.DONE, ""), ("shot resume", Phase.DONE, "")]
    assert set(strips(several)) == {"shot copy, take 1", "shot resume, take 1"}
    runtime.refresh_pending()
    assert runtime.pending == ()
    assert not Path(refuse.folder).exists()


def test_ticks_are_kept_by_name_and_an_engine_that_is_not_there_is_left_out(quick: ModuleType, several: Any) -> None:
    from blender_addon.ui.shot.requests import shot_request

    settings = several.realcam
    assert [one.engine for one in shot_request(several).also] == ["refuse", "resume"]
    settings.engine_name = "refuse"
    assert [one.engine for one in shot_request(several).also] == ["resume"]
    settings.also_engines = "resume gone"
    assert [one.engine for one in shot_request(several).also] == ["resume"]
    quick.ops.realcam.also_engine(engine="resume")
    assert shot_request(several).also == ()
    assert shot_request(several).title_on("refuse") == settings.name
