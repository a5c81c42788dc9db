"""Generate through the operators, with a real server: the clip on the timeline, refusals in words, jobs that outlive
a closed Blender."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.server_address import parse_address
from blender_addon.generation.local_server import COMMAND_VARIABLE
from tests.support.addon import connected, forget_everything
from tests.support.folders import not_writable
from tests.support.servers import PATIENCE, PRODUCT_ENGINES, command_in, free_address

pytestmark = pytest.mark.blender


def generate(bpy: ModuleType) -> set[str]:
    return set(bpy.ops.realcam.generate())


def pump_until_ended() -> Any:
    """What the timer does in a window, until the shot waits to be placed or has ended."""
    from blender_addon.generation.job_view import Phase
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.jobs.runtime import pump

    deadline = time.monotonic() + PATIENCE
    while not (jobs.view.phase.final or jobs.view.phase is Phase.IMPORTING):
        pump()
        assert time.monotonic() < deadline, jobs.view
        time.sleep(0.005)
    return jobs.view


def start(bpy: ModuleType, **options: float) -> Any:
    """Begin a shot and hand it to the job thread, as the modal operator does; it goes on there."""
    from dataclasses import replace

    import msgspec

    from blender_addon.generation.job_run import JobRun
    from blender_addon.generation.jobs import jobs
    from blender_addon.generation.shot_job import ShotJob
    from blender_addon.ui.jobs.runtime import pump, runtime
    from blender_addon.ui.preferences import server_settings
    from blender_addon.ui.shot.requests import shot_request

    request = shot_request(bpy.context.scene)
    request = replace(request, settings=msgspec.structs.replace(request.settings, options=options))
    run = JobRun(jobs, ShotJob(request), server_settings(), runtime.records())
    while run.step():
        pump()
    return jobs.record


def test_a_scene_that_is_scaled_while_its_preview_renders_is_sent_as_it_was(quick: ModuleType, shot: Any) -> None:
    """Camera, depth, preview and the take's own scale are all of the moment at which the camera was sampled."""
    from blender_addon.generation.shot_job import ShotJob
    from blender_addon.scene import find_photo_scene
    from blender_addon.scene.editing.calibration import set_scale
    from blender_addon.scene.editing.focal_length_edit import set_focal_length
    from blender_addon.ui.shot.requests import shot_request

    before = find_photo_scene(shot)
    assert before is not None
    depth, intrinsics = before.depth(), before.intrinsics
    job = ShotJob(shot_request(shot))
    slices = job.payload("copy")
    next(slices)
    set_focal_length(shot, set_scale(shot, before, 2.0), 90.0)
    while True:
        try:
            next(slices)
        except StopIteration as made:
            sent = made.value
            break
    np.testing.assert_array_equal(sent.depth, depth)
    np.testing.assert_array_equal(sent.photo_intrinsics, intrinsics)
    state = job.task().photo_state
    assert state is not None
    assert (state.scale, state.intrinsics) == (1.0, intrinsics.tolist())


def test_a_clip_lands_on_the_timeline_and_a_second_one_is_a_take(quick: ModuleType, shot: Any) -> None:
    from blender_addon.blender_versions import strip_span
    from blender_addon.timeline.strip import shot_strips
    from blender_addon.timeline.takes import takes_of

    assert generate(quick) == {"FINISHED"}
    (strip,) = shot_strips(shot, "shot")
    assert strip_span(strip) == (1, 13)
    folder = Path(quick.data.filepath).parent / "realcam" / "shot" / "take_001"
    assert (folder / "clip.mp4").is_file()
    assert len(list((folder / "frames").iterdir())) == 4
    shot.realcam.seed = 7
    assert generate(quick) == {"FINISHED"}
    assert [take.settings.seed for take in takes_of(shot)] == [0, 7]
    assert [row.number for row in shot.realcam.takes] == [1, 2]
    assert shot_strips(shot, "shot")[0].directory.endswith("take_002/frames/")
    shot.realcam.take_index = 0
    assert quick.ops.realcam.put_back_take() == {"FINISHED"}
    assert shot_strips(shot, "shot")[0].directory.endswith("take_001/frames/")
    shot.realcam.take_index = 1
    shot.realcam.seed = 0
    assert quick.ops.realcam.use_take_settings() == {"FINISHED"}
    assert shot.realcam.seed == 7
    assert quick.ops.realcam.forget_take() == {"FINISHED"}
    assert len(shot.realcam.takes) == 1
    assert quick.ops.realcam.find_takes() == {"FINISHED"}
    assert len(shot.realcam.takes) == 2


def test_a_clip_ends_at_the_artists_last_image(quick: ModuleType, shot: Any, tmp_path: Path) -> None:
    """An engine that interpolates gets the picture, upright, and the take knows which it was."""
    from PIL import Image

    from blender_addon.generation.jobs import jobs
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.takes.takes_list import settings_line

    settings = shot.realcam
    picture = Image.new("RGB", (64, 40), (200, 30, 60))
    picture.paste((10, 20, 30), (60, 0, 64, 40))
    exif = Image.Exif()
    exif[0x0112] = 3  # held upside down: the dark edge is the upright picture's left
    picture.save(tmp_path / "ending.png", exif=exif)
    settings.last_image = "//ending.png"
    connected(quick, lambda: jobs.connected)
    assert generate(quick) == {"FINISHED"}, "an engine that does not interpolate is not sent it"
    settings.engine_name = "end"
    assert generate(quick) == {"FINISHED"}
    plain, ending = takes_of(shot)
    assert (plain.last_image, ending.last_image) == ("", "//ending.png")
    assert "ends at ending.png" in settings_line(ending)
    last = Path(quick.data.filepath).parent / "realcam" / "shot" / "take_002" / "frames" / "0003.png"
    assert np.asarray(Image.open(last))[0, 0].tolist() == [10, 20, 30]
    assert "ending.png" not in {image.name for image in quick.data.images}
    settings.last_image = ""
    settings.take_index = 1
    assert quick.ops.realcam.use_take_settings() == {"FINISHED"}
    assert settings.last_image == "//ending.png"


def test_a_last_image_that_is_no_picture_is_said_before_anything_is_rendered(
    quick: ModuleType, shot: Any, tmp_path: Path
) -> None:
    from blender_addon.generation.jobs import jobs

    connected(quick, lambda: jobs.connected)
    shot.realcam.engine_name = "end"
    shot.realcam.last_image = str(tmp_path / "nowhere.png")
    assert "last image is not there" in problem(quick)
    (tmp_path / "words.png").write_text("no picture")
    shot.realcam.last_image = str(tmp_path / "words.png")
    with pytest.raises(RuntimeError, match="last image cannot be used"):
        generate(quick)


def test_the_clips_pixels_are_the_previews(quick: ModuleType, shot: Any) -> None:
    """The copy engine gives back what it was sent: what arrives on disk is what was rendered here."""
    from PIL import Image

    from blender_addon.ui.preview_state import preview_state

    generate(quick)
    assert preview_state.latest is not None
    frames = Path(quick.data.filepath).parent / "realcam" / "shot" / "take_001" / "frames"
    arrived = np.stack([np.asarray(Image.open(frames / f"{index:04d}.png")) for index in range(4)])
    assert np.array_equal(arrived, preview_state.latest.frames[..., :3])
    assert (preview_state.latest.coverage > 0.5).all()
    metadata = json.loads((frames.parent / "metadata.json").read_text())["metadata"]
    assert np.allclose(metadata["camera_to_world"], preview_state.latest.trajectory.camera_to_world)


def problem(bpy: ModuleType) -> str:
    """What the greyed-out button says."""
    with pytest.raises(RuntimeError) as refused:
        generate(bpy)
    return str(refused.value)


def test_what_is_wrong_is_said_before_anything_is_rendered(quick: ModuleType, shot: Any) -> None:
    from blender_addon.ui.shot.requests import problems

    bpy, settings = quick, shot.realcam
    assert problems(shot) == []
    camera = shot.camera
    shot.camera = None
    assert any("no active camera" in sentence for sentence in problems(shot))
    shot.camera = camera
    for kind in ("ORTHO", "PANO"):
        camera.data.type = kind
        assert any("Only perspective cameras" in sentence for sentence in problems(shot)), kind
    camera.data.type = "PERSP"
    settings.use_scene_range, settings.frame_start, settings.frame_end = False, 10, 5
    assert any("reversed: it goes from 10 to 5" in sentence for sentence in problems(shot))
    settings.frame_end = 10
    assert any("one frame long" in sentence for sentence in problems(shot))
    settings.use_scene_range = True
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert any("no photo in this scene" in sentence for sentence in problems(bpy.context.scene))


def test_a_folder_that_may_not_be_written_is_said(quick: ModuleType, shot: Any, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    quick.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    from blender_addon.ui.shot.requests import problems

    with not_writable(folder):
        assert any("not writable" in sentence for sentence in problems(shot))
        # Blender cuts a poll's message short: the path may take all there is.
        assert "Clips cannot be kept in" in problem(quick)


def test_a_file_where_the_clips_should_go_is_said(quick: ModuleType, shot: Any) -> None:
    (Path(quick.data.filepath).parent / "realcam").write_text("in the way")
    with pytest.raises(RuntimeError, match="Clips cannot be kept in"):
        generate(quick)


def test_a_camera_that_never_sees_the_mesh_is_not_rendered(quick: ModuleType, shot: Any) -> None:
    shot.camera.animation_data_clear()
    shot.camera.rotation_euler.z += np.pi
    with pytest.raises(RuntimeError, match=r"never sees the photo's mesh: coverage is 0 in all 4 frames"):
        generate(quick)
    assert not (Path(quick.data.filepath).parent / "realcam" / "shot" / "take_001").exists()


def test_coverage_of_nothing_counts_until_the_camera_changes(quick: ModuleType, shot: Any) -> None:
    from blender_addon.ui.shot.requests import problems

    shot.camera.animation_data_clear()
    shot.camera.rotation_euler.z += np.pi
    assert quick.ops.realcam.coverage() == {"FINISHED"}
    assert any("never sees" in sentence for sentence in problems(shot))
    assert "never sees" in problem(quick)
    shot.frame_set(5)
    assert any("never sees" in sentence for sentence in problems(shot)), "another scene frame changes nothing"
    shot.camera.rotation_euler.z -= np.pi
    assert problems(shot) == []


def test_an_engine_that_the_server_does_not_have(quick: ModuleType, shot: Any) -> None:
    shot.realcam.engine_name = "realcam"
    with pytest.raises(RuntimeError, match="no engine 'realcam': it has copy"):
        generate(quick)


def test_an_engine_that_fails_leaves_no_take_and_no_folder(quick: ModuleType, shot: Any) -> None:
    shot.realcam.engine_name = "refuse"
    with pytest.raises(RuntimeError, match="The shot is too dark"):
        generate(quick)
    assert len(shot.realcam.takes) == 0
    assert list((Path(quick.data.filepath).parent / "realcam" / "shot").iterdir()) == []
    assert "realcam_job" not in shot


def test_a_second_generate_during_the_first_is_refused(quick: ModuleType, shot: Any) -> None:
    start(quick, pause=5.0)
    with pytest.raises(RuntimeError, match="shot is under way: wait until it is done, or cancel it"):
        generate(quick)
    assert quick.ops.realcam.cancel() == {"FINISHED"}
    assert pump_until_ended().phase.value == "Cancelled"
    assert "realcam_job" not in shot


@pytest.mark.parametrize("system", ["this system", "Windows"])
def test_a_job_is_offered_again_after_the_file_is_reopened(quick: ModuleType, shot: Any, system: str) -> None:
    """Also where the file was taken to another computer, whose folders are not there."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.generation.scene_job import remember_job
    from blender_addon.timeline.strip import shot_strips
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.jobs.runtime import runtime

    bpy = quick
    record = start(bpy, pause=0.2)
    if system == "Windows":
        record = msgspec.structs.replace(record, folder=r"C:\Users\Anna\film\realcam\shot\take_001")
        remember_job(shot, record)
        runtime.records().write(record)
    bpy.ops.wm.save_mainfile()
    forget_everything()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert [pending.job_id for pending in runtime.pending] == [record.job_id]
    assert bpy.ops.realcam.resume(job_id=record.job_id) == {"FINISHED"}
    assert runtime.pending == ()
    assert pump_until_ended().phase.value == "Importing the result", jobs.view
    assert bpy.ops.realcam.import_clip() == {"FINISHED"}
    scene = bpy.context.scene
    assert len(shot_strips(scene, "shot")) == 1
    assert len(scene.realcam.takes) == 1
    assert [take.folder for take in takes_of(scene)] == ["//realcam/shot/take_001"]
    assert "realcam_job" not in scene
    runtime.refresh_pending()
    assert runtime.pending == ()


def test_placing_is_a_step_of_the_undo_history(quick: ModuleType, shot: Any) -> None:
    """Undo takes back the strip and the take and nothing that was done before; redo brings them back."""
    from blender_addon.timeline.strip import shot_strips
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.jobs.runtime import _place_in_window

    bpy = quick
    bpy.ops.ed.undo_push(message="Before")
    bpy.context.scene.realcam.prompt = "before the clip"
    bpy.ops.ed.undo_push(message="Prompt")
    start(bpy)
    assert pump_until_ended().phase.value == "Importing the result"
    _place_in_window()

    def shown() -> tuple[int, int, str]:
        scene = bpy.context.scene
        return len(shot_strips(scene, "shot")), len(takes_of(scene)), scene.realcam.prompt

    assert shown() == (1, 1, "before the clip")
    bpy.ops.ed.undo()
    assert shown() == (0, 0, "before the clip")
    bpy.ops.ed.redo()
    assert shown() == (1, 1, "before the clip")


def test_the_file_alone_knows_its_job_and_it_can_be_forgotten(quick: ModuleType, shot: Any) -> None:
    from blender_addon.ui.jobs.runtime import runtime

    bpy = quick
    record = start(bpy, pause=0.2)
    bpy.ops.wm.save_mainfile()
    forget_everything()
    runtime.records().forget(record.job_id)
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert [pending.job_id for pending in runtime.pending] == [record.job_id]
    assert bpy.ops.realcam.forget_job(job_id=record.job_id) == {"FINISHED"}
    assert runtime.pending == ()
    assert "realcam_job" not in bpy.context.scene


def test_a_clip_is_not_put_into_another_file(quick: ModuleType, shot: Any, tmp_path: Path) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.jobs.runtime import runtime

    bpy = quick
    first = bpy.data.filepath
    record = start(bpy, pause=0.2)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "another.blend"))
    assert pump_until_ended().phase.value == "Importing the result"
    assert bpy.ops.realcam.import_clip() == {"CANCELLED"}
    assert jobs.view_in(bpy.context.scene.session_uid).error.startswith("The clip is here, but another file is open")
    editor = bpy.context.scene.sequence_editor
    assert editor is None or len(editor.strips_all) == 0
    bpy.ops.wm.open_mainfile(filepath=first)
    assert [pending.job_id for pending in runtime.pending] == [record.job_id]
    assert jobs.view is None


def test_a_server_that_is_gone_before_the_job(quick: ModuleType, shot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from blender_addon.ui.preferences import ADDRESS_VARIABLE

    monkeypatch.setenv(ADDRESS_VARIABLE, str(free_address()))
    monkeypatch.setenv(COMMAND_VARIABLE, "no-such-program serve")
    with pytest.raises(
        RuntimeError, match="No server answers and none could be started: there is no program 'no-such-program'"
    ):
        generate(quick)


def test_a_server_that_is_gone_after_the_job_does_not_harm_the_clip(
    quick: ModuleType, shot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.ui.preferences import ADDRESS_VARIABLE

    monkeypatch.setenv(ADDRESS_VARIABLE, str(free_address()))
    monkeypatch.setenv(COMMAND_VARIABLE, command_in(tmp_path))
    assert generate(quick) == {"FINISHED"}
    forget_everything()
    monkeypatch.setenv(COMMAND_VARIABLE, "no-such-program serve")
    assert quick.ops.realcam.put_back_take() == {"FINISHED"}
    with pytest.raises(RuntimeError, match="none could be started"):
        generate(quick)


def test_the_draft_engine_of_a_server_started_by_itself(
    quick: ModuleType, shot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole product, small: nothing but the preference's command and a click."""
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.preferences import ADDRESS_VARIABLE

    address = str(free_address())
    monkeypatch.setenv(ADDRESS_VARIABLE, address)
    monkeypatch.setenv(COMMAND_VARIABLE, command_in(tmp_path, PRODUCT_ENGINES))
    settings = shot.realcam
    settings.engine_name = "draft"
    settings.clip_width, settings.clip_height, settings.clip_frames = 512, 320, 16
    assert generate(quick) == {"FINISHED"}
    (take,) = takes_of(shot)
    assert (take.frames, take.width, take.height, take.draft) == (16, 512, 320, True)
    forget_everything()
    with pytest.raises(Exception, match="No server answers"), Client(parse_address(address), "t", "t") as client:
        client.connect(1.0)


def test_a_server_elsewhere_is_not_used_offline(quick: ModuleType, shot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from blender_addon.ui.preferences import ADDRESS_VARIABLE
    from blender_addon.ui.shot.requests import problems

    if quick.app.online_access:
        monkeypatch.setattr("blender_addon.ui.preferences.online_access", lambda: False)
    monkeypatch.setenv(ADDRESS_VARIABLE, "192.0.2.1:47110")
    assert any("online access is off" in sentence for sentence in problems(shot))


def test_what_a_preview_cannot_see_is_told_when_it_is_made(
    quick: ModuleType, shot: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.scene.photo_scene import LAYER

    photo = find_photo_scene(shot)
    assert photo is not None
    layer = quick.data.objects.new("wall", quick.data.meshes.new("wall"))
    layer[LAYER], layer.parent = 1.0, photo.mesh
    shot.collection.objects.link(layer)
    for make in (quick.ops.realcam.preview, quick.ops.realcam.generate):
        make()
        assert "Warning: What is painted on wall is not in the preview" in capfd.readouterr().out
    layer.hide_set(True)
    quick.ops.realcam.preview()
    assert "Warning" not in capfd.readouterr().out
