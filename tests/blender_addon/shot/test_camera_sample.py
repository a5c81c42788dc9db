"""Whatever moves a camera in Blender moves the trajectory: keys, constraints, parents, drivers, an animated lens."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from blender_addon.core.errors import CameraError

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from mathutils import Euler, Matrix, Vector  # noqa: E402

from blender_addon.shot import render_frame, sample_camera, spread_frames  # noqa: E402
from blender_addon.shot.axes import pose_in_reference, world_from_reference  # noqa: E402

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def new_object(bpy: ModuleType, name: str, data: Any = None) -> Any:
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


@pytest.fixture
def camera(blender: ModuleType) -> Any:
    made = new_object(blender, "camera", blender.data.cameras.new("camera"))
    blender.context.scene.camera = made
    return made


@pytest.fixture
def origin(blender: ModuleType) -> Any:
    """A reference at the world's origin without rotation: poses are Blender's, flipped."""
    return new_object(blender, "origin")


def centres(bpy: ModuleType, camera: Any, origin: Any, frames: Any) -> np.ndarray[Any, Any]:
    trajectory = sample_camera(bpy.context.scene, camera, frames, origin)
    return trajectory.centres * [1, -1, -1]


def test_keyframes_are_sampled_between_frames_too(blender: ModuleType, camera: Any, origin: Any) -> None:
    for frame, x in ((1, 0.0), (11, 5.0)):
        camera.location.x = x
        camera.keyframe_insert("location", frame=frame)
    curves = sample_camera(blender.context.scene, camera, [1, 3.5, 6, 11], origin).centres[:, 0]
    assert curves[0] == 0
    assert curves[3] == 5
    assert curves[2] == pytest.approx(2.5)  # the middle of an ease
    blender.context.scene.frame_set(3, subframe=0.5)
    assert curves[1] == pytest.approx(camera.matrix_world.translation.x)


def test_the_scene_stays_at_its_frame(blender: ModuleType, camera: Any, origin: Any) -> None:
    scene = blender.context.scene
    scene.frame_set(7, subframe=0.25)
    sample_camera(scene, camera, [1, 2, 3], origin)
    assert (scene.frame_current, scene.frame_subframe) == (7, 0.25)
    camera.data.type = "ORTHO"
    with pytest.raises(CameraError):
        sample_camera(scene, camera, [1, 2, 3], origin)
    assert (scene.frame_current, scene.frame_subframe) == (7, 0.25)


def test_a_constraint_turns_the_camera(blender: ModuleType, camera: Any, origin: Any) -> None:
    target = new_object(blender, "target")
    target.location = (0, 5, 0)
    for frame, x in ((1, -2.0), (9, 2.0)):
        camera.location = (x, 0, 0)
        camera.keyframe_insert("location", frame=frame)
    track = camera.constraints.new("TRACK_TO")
    track.target, track.track_axis, track.up_axis = target, "TRACK_NEGATIVE_Z", "UP_Y"
    trajectory = sample_camera(blender.context.scene, camera, [1, 5, 9], origin)
    forward = trajectory.camera_to_world[:, :3, 2] * [1, -1, -1]
    to_target = [0, 5, 0] - trajectory.centres * [1, -1, -1]
    np.testing.assert_allclose(forward, to_target / np.linalg.norm(to_target, axis=1)[:, None], atol=1e-6)


def test_a_parents_move_counts_and_its_scale_leaves_the_pose_rigid(
    blender: ModuleType, camera: Any, origin: Any
) -> None:
    parent = new_object(blender, "rig")
    parent.scale = (2, 2, 2)
    camera.parent = parent
    camera.location = (0, 0, 1)
    for frame, turn in ((1, 0.0), (9, np.pi / 2)):
        parent.rotation_euler.x = turn
        parent.keyframe_insert("rotation_euler", frame=frame)
    trajectory = sample_camera(blender.context.scene, camera, [1, 9], origin)
    np.testing.assert_allclose(trajectory.centres * [1, -1, -1], [[0, 0, 2], [0, -2, 0]], atol=1e-6)
    determinant = np.linalg.det(trajectory.camera_to_world[:, :3, :3])
    np.testing.assert_allclose(determinant, 1.0, atol=1e-12)


def test_a_driver_moves_the_camera(blender: ModuleType, camera: Any, origin: Any) -> None:
    camera.driver_add("location", 1).driver.expression = "frame * 0.5"
    np.testing.assert_allclose(centres(blender, camera, origin, [2, 8])[:, 1], [1, 4], atol=1e-6)


def test_an_animated_lens_and_shift_change_the_intrinsics(blender: ModuleType, camera: Any, origin: Any) -> None:
    scene = blender.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 360, 200
    for frame, lens, shift in ((1, 36.0, 0.0), (9, 72.0, 0.1)):
        camera.data.lens, camera.data.shift_x = lens, shift
        camera.data.keyframe_insert("lens", frame=frame)
        camera.data.keyframe_insert("shift_x", frame=frame)
    intrinsics = sample_camera(scene, camera, [1, 9], origin).intrinsics
    np.testing.assert_allclose(intrinsics[:, 0, 0], [360, 720], rtol=1e-6)
    np.testing.assert_allclose(intrinsics[:, 0, 2], [180, 144], rtol=1e-6)


def test_poses_are_in_the_photos_metres_wherever_its_mesh_stands(blender: ModuleType, camera: Any, origin: Any) -> None:
    origin.matrix_world = Matrix.LocRotScale(Vector((3, -1, 2)), Euler((1.0, 0.5, -2.0)), Vector((2, 2, 2)))
    camera.matrix_world = origin.matrix_world @ Matrix.Translation((0.1, 0.2, -0.3))
    pose = sample_camera(blender.context.scene, camera, [1], origin).camera_to_world[0]
    np.testing.assert_allclose(pose[:3, 3], [0.1, -0.2, 0.3], atol=1e-6)
    np.testing.assert_allclose(pose[:3, :3], np.eye(3), atol=1e-6)
    back = world_from_reference(pose, origin.matrix_world)
    np.testing.assert_allclose(back[:3, 3], camera.matrix_world.translation, atol=1e-6)
    np.testing.assert_allclose(pose_in_reference(back, origin.matrix_world), pose, atol=1e-7)


def test_an_unevenly_scaled_mesh_is_refused(blender: ModuleType, camera: Any, origin: Any) -> None:
    origin.scale = (1, 2, 1)
    with pytest.raises(CameraError, match="scaled unevenly: 1 x 2 x 1"):
        sample_camera(blender.context.scene, camera, [1], origin)


@pytest.mark.parametrize(("kind", "says"), [("ORTHO", "orthographic"), ("PANO", "pano")])
def test_only_perspective_cameras_are_followed(
    blender: ModuleType, camera: Any, origin: Any, kind: str, says: str
) -> None:
    camera.data.type = kind
    with pytest.raises(CameraError, match=f"Only perspective cameras.*{says}.*lens type"):
        sample_camera(blender.context.scene, camera, [1], origin)


def test_what_is_no_camera_or_not_in_the_scene_is_named(blender: ModuleType, camera: Any, origin: Any) -> None:
    with pytest.raises(CameraError, match="origin is not a camera"):
        sample_camera(blender.context.scene, origin, [1], origin)
    loose = blender.data.objects.new("loose", blender.data.cameras.new("loose"))
    with pytest.raises(CameraError, match="loose is not in the scene"):
        sample_camera(blender.context.scene, loose, [1], origin)


def test_hidden_cameras_and_scenes_not_on_screen_work(blender: ModuleType, camera: Any, origin: Any) -> None:
    camera.driver_add("location", 1).driver.expression = "frame * 0.5"
    camera.hide_viewport = camera.hide_render = True
    np.testing.assert_allclose(centres(blender, camera, origin, [2, 8])[:, 1], [1, 4], atol=1e-6)
    other = blender.data.scenes.new("other")
    second = blender.data.objects.new("second", blender.data.cameras.new("second"))
    other.collection.objects.link(second)
    other.collection.objects.link(origin)
    second.driver_add("location", 0).driver.expression = "frame"
    trajectory = sample_camera(other, second, [3, 4], origin)
    np.testing.assert_allclose(trajectory.centres[:, 0], [3, 4], atol=1e-6)
    assert blender.context.scene.frame_current == 1


def test_the_engines_frames_spread_over_the_range(blender: ModuleType, camera: Any, origin: Any) -> None:
    scene = blender.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.001
    frames = spread_frames(10, 70, 16)
    assert (frames[0], frames[-1], frames[1]) == (10, 70, 14)
    trajectory = sample_camera(scene, camera, frames, origin)
    assert trajectory.fps == pytest.approx(30 / 1.001 / 4)
    assert sample_camera(scene, camera, frames, origin, fps=12).fps == 12
    assert sample_camera(scene, camera, [5], origin).fps == pytest.approx(30 / 1.001)


def test_the_percentage_is_cut_to_whole_pixels(blender: ModuleType) -> None:
    render = blender.context.scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 1921, 1081, 33
    frame = render_frame(blender.context.scene)
    assert (frame.width, frame.height) == (633, 356)
