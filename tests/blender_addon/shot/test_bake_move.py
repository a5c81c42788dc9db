"""Moves become few, ordinary keyframes that put the camera where core.moves says, whatever holds it."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from blender_addon.core.camera.moves import MOVES, move_at
from blender_addon.core.errors import CameraError

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from blender_addon.blender_versions import fcurves_of  # noqa: E402
from blender_addon.shot import bake_move, sample_camera, spread_frames  # noqa: E402


@pytest.fixture
def camera(thin_bike_scene: PhotoScene, blender: ModuleType) -> Any:
    """A free camera where the photo's camera stands."""
    scene = blender.context.scene
    assert thin_bike_scene.camera is not None
    made = blender.data.objects.new("camera", thin_bike_scene.camera.data.copy())
    scene.collection.objects.link(made)
    blender.context.view_layer.update()
    made.matrix_world = thin_bike_scene.camera.matrix_world
    scene.camera = made
    return made


def worst(bpy: ModuleType, photo: PhotoScene, camera: Any, name: str, values: dict[str, float]) -> tuple[float, float]:
    """Bake a move over frames 1 to 49; how far poses and intrinsics then are from it, at frames and between."""
    scene = bpy.context.scene
    start = sample_camera(scene, camera, [1], photo.mesh)
    bake_move(scene, camera, name, values, 1, 49)
    frames = spread_frames(1, 49, 33)
    got = sample_camera(scene, camera, frames, photo.mesh)
    wanted = move_at(name, start, values, progress=(frames - 1) / 48)
    return (
        float(np.abs(got.camera_to_world - wanted.camera_to_world).max()),
        float(np.abs(got.intrinsics - wanted.intrinsics).max() / start.intrinsics[0, 0, 0]),
    )


@pytest.mark.parametrize("name", MOVES)
def test_every_move_is_reproduced_to_a_millimetre(
    thin_bike_scene: PhotoScene, camera: Any, blender: ModuleType, name: str
) -> None:
    pose, intrinsics = worst(blender, thin_bike_scene, camera, name, {})
    assert pose < 3e-3
    assert intrinsics < 1e-3


def test_keys_are_few_and_only_where_something_moves(
    thin_bike_scene: PhotoScene, camera: Any, blender: ModuleType
) -> None:
    count = bake_move(blender.context.scene, camera, "orbit", {"angle": 20.0, "pivot": 2.75}, 1, 96)
    assert count <= 8
    assert {curve.data_path for curve in fcurves_of(camera)} == {"location", "rotation_euler"}
    assert fcurves_of(camera.data) == []
    assert all(len(curve.keyframe_points) == count for curve in fcurves_of(camera))
    bake_move(blender.context.scene, camera, "dolly_zoom", {"distance": 0.5, "pivot": 2.75}, 1, 96)
    assert [curve.data_path for curve in fcurves_of(camera.data)] == ["lens"]


def test_a_parented_camera_moves_as_it_would_without(
    thin_bike_scene: PhotoScene, camera: Any, blender: ModuleType
) -> None:
    rig = blender.data.objects.new("rig", None)
    blender.context.scene.collection.objects.link(rig)
    rig.rotation_euler = (0.3, 0.2, 0.1)
    for frame, x in ((1, 0.0), (49, 3.0)):
        rig.location.x = x
        rig.keyframe_insert("location", frame=frame)
    camera.parent = rig
    blender.context.scene.frame_set(1)
    pose, _ = worst(blender, thin_bike_scene, camera, "orbit", {"angle": 20.0})
    assert pose < 3e-3


def test_moves_are_measured_in_the_photos_metres(thin_bike_scene: PhotoScene, camera: Any, blender: ModuleType) -> None:
    thin_bike_scene.mesh.scale = (3, 3, 3)
    thin_bike_scene.mesh.rotation_euler.z = 0.7
    blender.context.view_layer.update()
    camera.matrix_world = thin_bike_scene.mesh.matrix_world.normalized()
    before = camera.matrix_world.translation.copy()
    pose, _ = worst(blender, thin_bike_scene, camera, "dolly", {"distance": 0.5})
    assert pose < 3e-3
    blender.context.scene.frame_set(49)
    assert (camera.matrix_world.translation - before).length == pytest.approx(1.5, abs=1e-3)


def test_baking_again_replaces_the_keys_of_the_range_only(
    thin_bike_scene: PhotoScene, camera: Any, blender: ModuleType
) -> None:
    scene = blender.context.scene
    bake_move(scene, camera, "dolly", {"distance": 0.5}, 1, 24)
    bake_move(scene, camera, "pan", {"angle": 10.0}, 24, 48)
    times = sorted({point.co.x for curve in fcurves_of(camera) for point in curve.keyframe_points})
    assert (times[0], times[-1]) == (1, 48)
    scene.frame_set(24)
    there = sample_camera(scene, camera, [24], thin_bike_scene.mesh).centres[0]
    np.testing.assert_allclose(there, [0, 0, 0.5], atol=2e-3)


def test_quaternion_cameras_are_keyed_in_euler_angles(
    thin_bike_scene: PhotoScene, camera: Any, blender: ModuleType
) -> None:
    camera.rotation_mode = "QUATERNION"
    pose, _ = worst(blender, thin_bike_scene, camera, "pan", {"angle": 20.0})
    assert pose < 3e-3
    assert camera.rotation_mode == "XYZ"


def test_cameras_that_keys_cannot_move_are_refused(
    thin_bike_scene: PhotoScene, camera: Any, blender: ModuleType
) -> None:
    scene = blender.context.scene
    constraint = camera.constraints.new("TRACK_TO")
    with pytest.raises(CameraError, match="held by constraints"):
        bake_move(scene, camera, "pan", None, 1, 24)
    constraint.mute = True
    camera.driver_add("location", 0).driver.expression = "frame"
    with pytest.raises(CameraError, match="moved by drivers"):
        bake_move(scene, camera, "pan", None, 1, 24)


def test_a_move_needs_a_photo_and_a_range(thin_bike_scene: PhotoScene, camera: Any, blender: ModuleType) -> None:
    scene = blender.context.scene
    with pytest.raises(CameraError, match="at least two frames"):
        bake_move(scene, camera, "pan", None, 24, 24)
    with pytest.raises(CameraError, match="no such camera move"):
        bake_move(scene, camera, "teleport", None, 1, 24)
    blender.data.objects.remove(thin_bike_scene.mesh)
    with pytest.raises(CameraError, match="no photo in this scene"):
        bake_move(scene, camera, "pan", None, 1, 24)
