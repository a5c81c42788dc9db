"""A .blend that an earlier version saved in Blender 4.5 opens with everything in it, and its job under way goes on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

from blender_addon.generation.local_server import COMMAND_VARIABLE
from tests.compatibility.engines_of_fixtures import ENGINES
from tests.compatibility.kept import BLEND, HOME, job_as_now
from tests.support.addon import connected, forget_everything
from tests.support.servers import PATIENCE, RunningServer, free_address

pytestmark = pytest.mark.blender

UNTOUCHED = {"name": "", "rating": 0, "camera_library": None}
"""What takes of that version do not tell."""

EXPECTED: dict[str, Any] = json.loads((BLEND / "expected.json").read_text(encoding="utf-8"))
"""What the scene said of itself before it was saved."""
SHOT, JOB_ID = EXPECTED["takes"][0]["shot"], EXPECTED["job"]["job_id"]


@pytest.fixture(scope="module")
def registered() -> Iterator[ModuleType]:
    """`bpy` with the add-on registered, by this module if nobody else has; only then it is unregistered after it."""
    bpy = pytest.importorskip("bpy")
    import blender_addon

    ours = not hasattr(bpy.types.Scene, "realcam")
    if ours:
        blender_addon.register()
    yield bpy
    if ours:
        blender_addon.unregister()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """On two ports that follow each other, as an address without a data port means."""
    folder = tmp_path_factory.mktemp("server")
    running = RunningServer(folder / "data", folder / "config", ("--engines", ENGINES), address=free_address()).start()
    yield running
    running.stop()


@pytest.fixture
def opened(
    registered: ModuleType, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """`bpy` with a copy of the file open, and the add-on's own folder as it was beside it."""
    from blender_addon.generation import user_files
    from blender_addon.ui import preferences

    bpy = registered
    shutil.copytree(BLEND, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(user_files, "user_folder", lambda: tmp_path / "user")
    monkeypatch.setenv(preferences.ADDRESS_VARIABLE, str(server.address))
    monkeypatch.setenv("REALCAM_CONFIG_DIR", str(server.config_dir))
    monkeypatch.setenv(COMMAND_VARIABLE, "no-such-program serve")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    yield bpy
    forget_everything()
    bpy.ops.wm.read_factory_settings(use_empty=True)


def as_json(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


def at_home(folder: Path) -> str:
    """The record of the job under way as it would be, had the artist worked in `folder` and not in HOME."""
    (record,) = (folder / "user" / "jobs").glob("*.json")
    text = record.read_text(encoding="utf-8")
    assert HOME.as_posix() in text
    moved = text.replace(HOME.as_posix(), folder.as_posix())
    record.write_text(moved, encoding="utf-8")
    return moved


def test_the_photo_is_found_as_it_was(opened: ModuleType) -> None:
    from blender_addon.scene import find_photo_scene

    told = EXPECTED["photo"]
    photo = find_photo_scene(opened.context.scene)
    assert photo is not None
    assert photo.camera is not None
    assert np.array_equal(photo.intrinsics, told["intrinsics"])
    assert list(photo.photo_size) == told["size"]
    names = ("focal_source", "scale", "depth_edge", "cleaned", "imported_at")
    assert {name: getattr(photo.record, name) for name in names} == {name: told[name] for name in names}
    assert (photo.vertices, photo.faces) == (told["vertices"], told["faces"])
    assert photo.subject_distance() == told["subject_metres"]
    assert opened.context.scene.realcam.depth_edge == pytest.approx(told["depth_edge"], abs=1e-6)


def test_its_pixels_and_its_depth_are_still_read(opened: ModuleType) -> None:
    from PIL import Image

    from blender_addon.scene import find_photo_scene

    photo = find_photo_scene(opened.context.scene)
    assert photo is not None
    assert np.array_equal(photo.photo(), np.asarray(Image.open(BLEND / "bike.png")))
    depth = photo.depth()
    assert 0.5 < np.isfinite(depth).mean() < 1.0
    assert 1.0 < np.nanmin(depth) < np.nanmax(depth) < 20.0


def test_the_mesh_can_still_be_cut_cleaned_and_scaled(opened: ModuleType) -> None:
    from blender_addon.scene import find_photo_scene

    scene = opened.context.scene
    told = EXPECTED["photo"]
    assert opened.ops.realcam.toggle_cleaning(step="FLYING") == {"FINISHED"}
    assert find_photo_scene(scene).record.cleaned == 0
    faces = find_photo_scene(scene).faces
    assert faces > told["faces"], "what was cleaned away is there again"
    scene.realcam.depth_edge = 0.3
    assert find_photo_scene(scene).faces > faces
    assert opened.ops.realcam.reset_scale() == {"FINISHED"}
    photo = find_photo_scene(scene)
    assert photo.record.scale == 1.0
    assert photo.subject_distance() == pytest.approx(told["subject_metres"] / told["scale"], rel=0.02)


def test_the_take_is_listed_and_its_strip_shows_its_frames(opened: ModuleType) -> None:
    from blender_addon.blender_versions import strip_span
    from blender_addon.timeline.strip import shot_strips
    from blender_addon.timeline.takes import take_folder, takes_of

    scene = opened.context.scene
    assert as_json(takes_of(scene)) == [{**told, **UNTOUCHED} for told in EXPECTED["takes"]]
    assert [(row.shot, row.number) for row in scene.realcam.takes] == [(SHOT, 1)]
    (take,) = takes_of(scene)
    assert take_folder(take) == take.folder
    (strip,) = shot_strips(scene, SHOT)
    told = {"name": strip.name, "span": list(strip_span(strip)), "directory": strip.directory}
    assert told == EXPECTED["strip"]
    assert (Path(opened.path.abspath(strip.directory)) / strip.elements[0].filename).is_file()
    assert opened.ops.realcam.put_back_take() == {"FINISHED"}
    assert shot_strips(scene, SHOT) == [strip]


def test_a_forgotten_take_is_found_in_its_folder(opened: ModuleType) -> None:
    from blender_addon.timeline.takes import takes_of

    assert opened.ops.realcam.forget_take() == {"FINISHED"}
    assert opened.ops.realcam.find_takes() == {"FINISHED"}
    (found,) = as_json(takes_of(opened.context.scene))
    assert {**found, "folder_when_made": ""} == {**EXPECTED["takes"][0], **UNTOUCHED, "folder_when_made": ""}


def test_the_settings_are_kept_and_can_be_generated_with(opened: ModuleType) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.shot.requests import problems, shot_request

    scene = opened.context.scene
    values = {option.name: option for option in scene.realcam.options}
    assert values["grain"].float_value == 0.25
    assert values["look"].text_value == "rich"
    connected(opened, lambda: jobs.connected)
    request = shot_request(scene)
    assert as_json(request.settings) == EXPECTED["settings"]
    assert [*request.size, request.frames] == [*EXPECTED["size"], EXPECTED["frames"]]
    assert [request.frame_start, request.frame_end] == EXPECTED["range"]
    assert problems(scene) == []
    assert opened.ops.realcam.generate() == {"FINISHED"}
    assert [take.settings.seed for take in takes_of(scene)] == [7, 9]


def test_the_keyed_camera_moves_as_it_did(opened: ModuleType) -> None:
    """From the photo's camera 0.2 m to the right."""
    from blender_addon.scene import find_photo_scene

    scene = opened.context.scene
    photo = find_photo_scene(scene)
    places = []
    for frame in (1, 12):
        scene.frame_set(frame)
        places.append(np.array(scene.camera.matrix_world.translation))
    assert np.allclose(places[0], photo.camera.matrix_world.translation, atol=1e-6)
    assert np.allclose(places[1] - places[0], [0.2, 0.0, 0.0], atol=1e-6)


def resumed(bpy: ModuleType) -> None:
    """The job under way is offered, sent, made, fetched and placed."""
    from blender_addon.generation.job_view import Phase
    from blender_addon.generation.jobs import jobs
    from blender_addon.timeline.strip import shot_strips
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.jobs.runtime import pump, runtime

    assert [pending.job_id for pending in runtime.pending] == [JOB_ID]
    assert bpy.ops.realcam.resume(job_id=JOB_ID) == {"FINISHED"}
    deadline = time.monotonic() + PATIENCE
    while not (jobs.view.phase.final or jobs.view.phase is Phase.IMPORTING):
        pump()
        assert time.monotonic() < deadline, jobs.view
        time.sleep(0.005)
    assert jobs.view.phase is Phase.IMPORTING, jobs.view
    assert bpy.ops.realcam.import_clip() == {"FINISHED"}
    scene = bpy.context.scene
    assert [(take.number, take.settings.seed) for take in takes_of(scene)] == [(1, 7), (2, 8)]
    (strip,) = shot_strips(scene, SHOT)
    assert strip.directory == f"//realcam/{SHOT}/take_002/frames/"
    assert "realcam_job" not in scene
    assert runtime.pending == ()


def test_the_job_under_way_is_resumed(opened: ModuleType, server: RunningServer, tmp_path: Path) -> None:
    """By the record in the add-on's folder: the server, which has never heard of the job, is sent the kept shot."""
    from blender_addon.ui.jobs.runtime import runtime

    at_home(tmp_path)
    del opened.context.scene["realcam_job"]
    runtime.refresh_pending()
    with server.client() as client:
        assert client.status(JOB_ID).state.value == "unknown"
    resumed(opened)
    assert not list((tmp_path / "user" / "jobs").iterdir()), "neither record nor shot is kept longer"
    with server.client() as client:
        status = client.status(JOB_ID)
    assert (status.state.value, status.engine, status.title) == ("done", "knobs", SHOT)


def test_the_file_alone_knows_its_job(opened: ModuleType, tmp_path: Path) -> None:
    """After the add-on's folder is lost; the server has the job of the test before, or it is sent again."""
    from blender_addon.generation.scene_job import job_of
    from blender_addon.ui.jobs.runtime import runtime

    scene = opened.context.scene
    assert as_json(job_of(scene)) == job_as_now(EXPECTED["job"])
    scene["realcam_job"] = at_home(tmp_path)
    (record,) = (tmp_path / "user" / "jobs").glob("*.json")
    record.unlink()
    opened.ops.wm.save_mainfile()
    opened.ops.wm.open_mainfile(filepath=opened.data.filepath)
    assert [pending.job_id for pending in runtime.pending] == [JOB_ID]
    resumed(opened)
