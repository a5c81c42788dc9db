"""Check Camera on real takes: a real server process with the product's engines, headless Blender, the motorcycle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from blender_addon.camera_check.checked_take import CheckedTake
from blender_addon.generation.local_server import COMMAND_VARIABLE
from server.demo.motorcycle import CX, CY, FOCAL, Motorcycle
from tests.support.addon import connected, forget_everything
from tests.support.servers import PRODUCT_ENGINES, running_server
from tests.support.takes import remembered_take

# Asked without importing it: it is the server's, and Blender's process hangs at its end with both loaded.
pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(find_spec("pycolmap") is None, reason="pycolmap is not installed: cameras cannot be solved"),
]

FIRST, LAST, CLIP_FRAMES = 5, 40, 8


@pytest.fixture(scope="module")
def product_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("product"), PRODUCT_ENGINES) as server:
        yield str(server.address)


@pytest.fixture(scope="module")
def server_without_pycolmap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engines = "tests.support.engines.camera_check:without_pycolmap"
    with running_server(tmp_path_factory.mktemp("without"), engines) as server:
        yield str(server.address)


@pytest.fixture
def bike_shot(addon: ModuleType, bike: Motorcycle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The scene with the motorcycle in metres and a camera to move, in a saved .blend."""
    from blender_addon.generation import user_files

    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    monkeypatch.setattr(user_files, "user_folder", lambda: tmp_path)
    Image.fromarray(bike.photo).save(tmp_path / "bike.png")
    np.save(tmp_path / "bike_depth.npy", bike.depth)
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    addon.ops.realcam.import_photo(filepath=str(tmp_path / "bike.png"), calibration=(FOCAL, FOCAL, CX, CY))
    scene = addon.context.scene
    scene.frame_start, scene.frame_end = FIRST, LAST
    scene.render.resolution_x, scene.render.resolution_y = 640, 400
    settings = scene.realcam
    settings.preview_method = "WORKBENCH"
    settings.clip_width, settings.clip_height, settings.clip_frames = 512, 320, CLIP_FRAMES
    yield scene
    forget_everything()


def use_server(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    from blender_addon.ui import preferences

    monkeypatch.setenv(preferences.ADDRESS_VARIABLE, address)


def key_move(scene: Any, factor: float) -> None:
    """Sideways, up and in, `factor` times 0.42 m."""
    camera = scene.camera
    camera.animation_data_clear()
    camera.location = (0.0, 0.0, 0.0)
    camera.keyframe_insert("location", frame=FIRST)
    camera.location = np.array([0.35, 0.08, -0.22]) * factor
    camera.keyframe_insert("location", frame=LAST)


def ask_for_less(metadata: Path, factor: float) -> None:
    """Let a take's record say that its camera was asked to go a `factor`th of the way."""
    sidecar = json.loads(metadata.read_text())
    for pose in sidecar["metadata"]["camera_to_world"]:
        for row in pose[:3]:
            row[3] /= factor
    metadata.write_text(json.dumps(sidecar))


def world_of(scene: Any, subject: Any, frame: float) -> np.ndarray:
    from blender_addon.scene.scene_frame import go_to_frame

    go_to_frame(scene, frame)
    return np.array(subject.matrix_world)


def the_check(scene: Any) -> tuple[Any, CheckedTake]:
    """Check the selected take: the only achieved camera there is then, and what it says."""
    import bpy

    from blender_addon.camera_check.achieved_camera import achieved_cameras

    assert bpy.ops.realcam.check_camera() == {"FINISHED"}
    (found,) = achieved_cameras(scene)
    return found


def assert_keyed_at(camera: Any, check: CheckedTake, expected: np.ndarray) -> None:
    from blender_addon.blender_versions import fcurves_of

    assert np.allclose(check.scene_frames, expected)
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves_of(camera)}
    assert len(curves) == 3 + 4 + 2
    for curve in curves.values():
        assert np.allclose([point.co.x for point in curve.keyframe_points], expected, atol=1e-3)
    errors = [point.co.y for point in curves['["error_metres"]', 0].keyframe_points]
    assert np.allclose(errors, check.metres, atol=1e-6)


def assert_sees_what_the_artists_sees(scene: Any, camera: Any, frames: np.ndarray) -> None:
    for frame in frames:
        achieved, artists = (world_of(scene, subject, frame) for subject in (camera, scene.camera))
        assert np.linalg.norm(achieved[:3, 3] - artists[:3, 3]) < 0.02
        assert np.abs(achieved[:3, :3] - artists[:3, :3]).max() < 0.01
    lens, artists_lens = camera.data, scene.camera.data
    assert lens.lens / lens.sensor_width == pytest.approx(artists_lens.lens / artists_lens.sensor_width, rel=1e-3)


def assert_survives_saving(bpy: Any, check: CheckedTake) -> None:
    from blender_addon.blender_versions import fcurves_of
    from blender_addon.camera_check.achieved_camera import achieved_cameras

    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    ((camera, reopened),) = achieved_cameras(bpy.context.scene)
    assert reopened == check
    assert len(fcurves_of(camera)) == 3 + 4 + 2


@pytest.mark.timeout(600)
def test_a_draft_follows_and_a_clip_that_goes_too_far_is_said_to(
    addon: ModuleType, bike_shot: Any, product_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bpy, scene = addon, bike_shot
    use_server(monkeypatch, product_server)
    key_move(scene, 1.3)
    assert bpy.ops.realcam.generate() == {"FINISHED"}
    camera, check = the_check(scene)
    assert camera.name == "shot, take 1 achieved"
    assert check.findings[0].startswith("The camera follows")
    assert check.scale == pytest.approx(1.0, abs=0.03)
    assert max(check.degrees) < 0.3
    assert max(check.metres) < 0.02
    expected = np.linspace(FIRST, LAST, CLIP_FRAMES)
    assert_keyed_at(camera, check, expected)
    assert_sees_what_the_artists_sees(scene, camera, expected)

    ask_for_less(tmp_path / "realcam" / "shot" / "take_001" / "metadata.json", 1.3)
    key_move(scene, 1.0)
    camera, check = the_check(scene)
    assert check.scale == pytest.approx(1.3, abs=0.05)
    assert "times as far as asked" in check.findings[0]
    away, asked = (np.linalg.norm(world_of(scene, subject, LAST)[:3, 3]) for subject in (camera, scene.camera))
    assert away / asked == pytest.approx(1.3, abs=0.05)
    assert check.worst == CLIP_FRAMES - 1
    bpy.ops.realcam.go_to_frame(frame=check.scene_frames[check.worst])
    assert scene.frame_current == LAST

    assert_survives_saving(bpy, check)
    assert not list((tmp_path / "answers").iterdir())
    assert bpy.ops.realcam.forget_take() == {"FINISHED"}
    for blocks in (bpy.data.objects, bpy.data.cameras, bpy.data.actions):
        assert [block.name for block in blocks if "achieved" in block.name] == []


def test_the_button_says_what_is_missing(
    addon: ModuleType, bike_shot: Any, server_without_pycolmap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.timeline.takes import remember_take
    from blender_addon.ui.check.check_operator import why_not
    from blender_addon.ui.takes.takes_list import refresh_takes

    scene = bike_shot
    use_server(monkeypatch, server_without_pycolmap)
    assert why_not(scene) == "No take is selected"
    take = remembered_take(frames=2)
    remember_take(scene, take)
    refresh_takes(scene)
    assert "from 2 frames" in why_not(scene)
    remember_take(scene, msgspec.structs.replace(take, frames=4))
    assert why_not(scene) == ""
    with pytest.raises(RuntimeError, match="pictures of shot, take 1 are not there"):
        addon.ops.realcam.check_camera()
    connected(addon, lambda: bool(jobs.checkers))
    assert "run `uv sync --inexact --extra evaluation`" in why_not(scene)
    assert not addon.ops.realcam.check_camera.poll()
