"""Estimate Depth in Blender, with a server process whose predictors know geometry instead of pictures."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from blender_addon.core.errors import RealCamError, ServiceError
from tests.support.addon import connected, forget_everything
from tests.support.engines.depth import DOWNLOADS, REFUSING, WALL, WALL_WITH_LENS

pytestmark = pytest.mark.blender


def test_the_scene_is_built_from_the_servers_depth(ready: ModuleType, tmp_path: Path) -> None:
    from blender_addon.scene import find_photo_scene

    bpy = ready
    scene = bpy.context.scene
    scene.realcam.predictor_name = WALL
    scene.realcam.photo.focal_mm = 48.2
    assert bpy.ops.realcam.estimate_depth() == {"FINISHED"}
    photo = find_photo_scene(scene)
    assert photo is not None
    assert photo.focal_source == "typed, 48.2 mm (35 mm eq.)"
    assert scene.camera != photo.camera
    depth = photo.depth()
    expected = 1 / (0.5 - 0.25 * (np.arange(247) + 0.5) / 247)
    assert depth.shape == (167, 247)
    assert np.nanmedian(np.abs(depth / expected - 1)) < 0.005
    for step in ("EDGES", "FLYING", "OUTLIERS", "SKY"):
        bpy.ops.realcam.toggle_cleaning(step=step)
    assert not np.isnan(find_photo_scene(scene).depth()).any(), "what cleaning did can be taken back"
    assert not list((tmp_path / "answers").iterdir()), "the file is gone once the scene is built"
    assert not list((tmp_path / "jobs").iterdir()), "and so is the record"


def test_a_predicted_lens_is_the_reference_cameras(ready: ModuleType) -> None:
    from blender_addon.scene import find_photo_scene

    ready.context.scene.realcam.predictor_name = WALL_WITH_LENS
    ready.ops.realcam.estimate_depth()
    photo = find_photo_scene(ready.context.scene)
    assert photo is not None
    assert photo.focal_source.startswith("predicted from the photo, ")
    assert photo.camera.data.lens == pytest.approx(0.8 * 36.0)


def test_the_panel_knows_the_licence_before_anything_is_sent(ready: ModuleType) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.predictors.predictor_choice import chosen_predictor

    shot = ready.context.scene.realcam
    assert chosen_predictor(shot) is None
    connected(ready, lambda: bool(jobs.predictors))
    assert jobs.engines == (), "predictors are no engines for clips"
    chosen = chosen_predictor(shot)
    assert chosen is not None
    assert chosen.licence == "Apache 2.0, commercial use: yes"
    shot.predictor = WALL_WITH_LENS
    assert shot.predictor_name == WALL_WITH_LENS
    assert chosen_predictor(shot).licence.endswith("commercial use: no")


def test_what_was_downloaded_is_known_here_and_on_the_server(
    ready: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.depth import depth_operator
    from blender_addon.ui.predictors.estimate_panel import estimate_title
    from blender_addon.ui.predictors.predictor_choice import chosen_predictor

    monkeypatch.setattr(depth_operator, "online_access", lambda: True)
    shot = ready.context.scene.realcam
    shot.predictor_name = DOWNLOADS
    connected(ready, lambda: bool(jobs.predictors))
    assert estimate_title(chosen_predictor(shot)) == "Download and Estimate (99 MB)"
    ready.ops.realcam.estimate_depth()
    assert estimate_title(chosen_predictor(shot)) == "Estimate Depth"
    jobs.predictors = ()
    connected(ready, lambda: bool(jobs.predictors))
    assert estimate_title(chosen_predictor(shot)) == "Estimate Depth"


def test_refusals_and_missing_photos_are_said_and_leave_nothing(ready: ModuleType, tmp_path: Path) -> None:
    bpy = ready
    shot = bpy.context.scene.realcam
    shot.predictor_name = REFUSING
    with pytest.raises(RuntimeError, match="The photo is too dark: mean 3 of 255"):
        bpy.ops.realcam.estimate_depth()
    shot.predictor_name = "no-such"
    with pytest.raises(RuntimeError, match="no depth predictor 'no-such'"):
        bpy.ops.realcam.estimate_depth()
    shot.photo.photo_path = str(tmp_path / "gone.png")
    with pytest.raises(RuntimeError, match="no such photo"):
        bpy.ops.realcam.estimate_depth()
    shot.photo.photo_path = ""
    assert not bpy.ops.realcam.estimate_depth.poll()
    assert len(bpy.data.meshes) == len(bpy.data.images) == 0


def test_an_estimate_goes_on_after_blender_was_closed(ready: ModuleType, tmp_path: Path) -> None:
    from blender_addon.generation.job_run import JobRun
    from blender_addon.generation.job_view import Phase
    from blender_addon.generation.jobs import jobs
    from blender_addon.scene import find_photo_scene
    from blender_addon.ui.depth.depth_operator import depth_job
    from blender_addon.ui.jobs.runtime import pump, runtime
    from blender_addon.ui.preferences import server_settings

    bpy = ready
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.context.scene.realcam.predictor_name = WALL
    run = JobRun(jobs, depth_job(bpy.context.scene), server_settings(), runtime.records())
    while run.step():
        pump()
        time.sleep(0.005)
    forget_everything()
    runtime.refresh_pending()
    (record,) = runtime.pending
    assert record.title == "Depth of bike.png"
    bpy.ops.realcam.resume(job_id=record.job_id)
    while jobs.view is not None and jobs.view.phase is not Phase.IMPORTING:
        pump()
        assert not jobs.view.phase.final, jobs.view.error
        time.sleep(0.005)
    runtime._other_file_open = True
    with pytest.raises(ServiceError, match="The depth is here, but another file is open"):
        runtime.check_file_of(record)
    runtime._other_file_open = False
    bpy.context.window.scene = bpy.data.scenes.new("another")
    assert bpy.ops.realcam.import_clip() == {"FINISHED"}
    assert find_photo_scene(bpy.data.scenes[record.scene]) is not None
    assert find_photo_scene(bpy.data.scenes["another"]) is None
    assert runtime.pending == ()


def test_a_second_job_is_refused_before_the_photo_is_read(ready: ModuleType) -> None:
    from blender_addon.generation.job_run import JobRun
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.depth.depth_operator import depth_job
    from blender_addon.ui.jobs.runtime import runtime
    from blender_addon.ui.preferences import server_settings

    job = depth_job(ready.context.scene)
    JobRun(jobs, job, server_settings(), runtime.records())
    with pytest.raises(RealCamError, match="is under way"):
        JobRun(jobs, job, server_settings(), runtime.records())
    assert len(ready.data.images) == 0
