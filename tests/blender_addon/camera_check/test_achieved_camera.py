"""The achieved camera in Blender: where it stands, when it is keyed, and what becomes of it."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.check_request import CheckResult
from blender_addon.core.payloads.import_request import ImportRequest
from blender_addon.scene import PhotoScene, find_photo_scene
from tests.support.import_requests import with_settings
from tests.support.takes import remembered_take

pytestmark = pytest.mark.blender

FRAMES, WIDTH, HEIGHT = 6, 512, 320
PLACED = (0, 1, 3, 4, 5)
TAKE = remembered_take(
    number=3,
    frames=FRAMES,
    width=WIDTH,
    height=HEIGHT,
    frame_start=101,
    frame_end=132,
    artist_width=1280,
    artist_height=720,
)
"""Six frames spread over thirty-two, later on the timeline: most lie between whole frames."""


def path(zoom: float = 1.0) -> Trajectory:
    u = np.linspace(0, 1, FRAMES)
    poses = np.repeat(np.eye(4)[None], FRAMES, axis=0)
    poses[:, :3, :3] = rotation_exp(u[:, None] * [0.1, 0.5, 0.2])
    poses[:, :3, 3] = np.stack([0.4 * u, -0.1 * u, 0.5 * u**2], axis=1)
    focal = 600.0 * (1 + (zoom - 1) * u)
    lenses = np.stack([intrinsics_matrix(f, f, WIDTH / 2, HEIGHT / 2) for f in focal])
    return Trajectory(poses, lenses, WIDTH, HEIGHT)


def answer(scale: float = 1.3) -> CheckResult:
    achieved = path().rescale(scale)
    poses = achieved.camera_to_world[list(PLACED)]
    return CheckResult(
        frames=FRAMES,
        placed=PLACED,
        achieved=tuple(tuple(map(tuple, pose)) for pose in poses.tolist()),
        degrees=(0.0, 0.1, 0.2, 0.3, 0.4),
        metres=(0.0, 0.01, 0.02, 0.04, 0.08),
        metric=True,
        scale=scale,
        findings=(f"The camera goes {scale:.2f} times as far as asked.",),
    )


def test_it_is_where_the_clip_shows_it_also_in_a_scene_that_was_moved_and_scaled(
    blender: ModuleType, thin_bike_scene: PhotoScene
) -> None:
    from blender_addon.camera_check.achieved_camera import place_achieved_camera
    from blender_addon.shot.camera_sample import sample_camera, spread_frames

    scene = blender.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    mesh = thin_bike_scene.mesh
    mesh.location, mesh.rotation_euler, mesh.scale = (3.0, 1.0, -2.0), (0.3, -1.0, 2.0), (0.1, 0.1, 0.1)
    camera = place_achieved_camera(scene, thin_bike_scene, TAKE, path(zoom=1.5), answer())
    frames = spread_frames(101, 132, FRAMES)[list(PLACED)]
    sampled = TAKE.fit.trajectory(sample_camera(scene, camera, frames, mesh))
    assert np.allclose(sampled.camera_to_world, answer().poses, atol=1e-4)
    assert np.allclose(sampled.intrinsics, path(zoom=1.5).intrinsics[list(PLACED)], rtol=1e-3, atol=0.5)


def test_keys_stand_at_the_frames_that_were_found_and_nowhere_else(
    blender: ModuleType, thin_bike_scene: PhotoScene
) -> None:
    from blender_addon.blender_versions import fcurves_of
    from blender_addon.camera_check.achieved_camera import DEGREES, METRES, place_achieved_camera

    camera = place_achieved_camera(blender.context.scene, thin_bike_scene, TAKE, path(), answer())
    curves = {(curve.data_path, curve.array_index): curve.keyframe_points for curve in fcurves_of(camera)}
    assert len(curves) == 3 + 4 + 1 + 1
    for points in curves.values():
        assert [point.co.x for point in points] == pytest.approx([101, 107.2, 119.6, 125.8, 132], abs=1e-3)
        assert {point.interpolation for point in points} == {"LINEAR"}
    for name, errors in ((DEGREES, answer().degrees), (METRES, answer().metres)):
        assert [point.co.y for point in curves[f'["{name}"]', 0]] == pytest.approx(errors)
    assert fcurves_of(camera.data) == [], "a lens that does not zoom is not keyed"


def test_another_check_takes_its_place_and_none_is_left_over(blender: ModuleType, thin_bike_scene: PhotoScene) -> None:
    from blender_addon.camera_check.achieved_camera import check_of, place_achieved_camera, remove_achieved_camera

    bpy, scene = blender, blender.context.scene
    blocks = (bpy.data.objects, bpy.data.cameras, bpy.data.actions)
    before = [len(block) for block in blocks]
    place_achieved_camera(scene, thin_bike_scene, TAKE, path(zoom=2.0), answer(1.3))
    once = [len(block) for block in blocks]
    camera = place_achieved_camera(scene, thin_bike_scene, TAKE, path(zoom=2.0), answer(1.0))
    assert [len(block) for block in blocks] == once
    assert camera.name == "shot, take 3 achieved"
    check = check_of(scene, TAKE)
    assert check is not None
    assert check.scale == 1.0
    remove_achieved_camera(scene, "shot", 3)
    assert [len(block) for block in blocks] == before
    assert check_of(scene, TAKE) is None


def test_what_the_artist_made_of_it_stays_when_it_is_checked_again(
    blender: ModuleType, thin_bike_scene: PhotoScene
) -> None:
    from blender_addon.blender_versions import fcurves_of
    from blender_addon.camera_check.achieved_camera import achieved_cameras, place_achieved_camera

    bpy, scene = blender, blender.context.scene
    camera = place_achieved_camera(scene, thin_bike_scene, TAKE, path(zoom=2.0), answer(1.3))
    scene.camera = camera
    marker = scene.timeline_markers.new("cut", frame=110)
    marker.camera = camera
    target = bpy.data.objects.new("looks at it", None)
    scene.collection.objects.link(target)
    constraint = target.constraints.new("TRACK_TO")
    constraint.target = camera
    copy, linked = camera.copy(), camera.copy()
    copy.data = camera.data.copy()
    for other in (copy, linked):
        scene.collection.objects.link(other)
    keys = [tuple(point.co) for point in fcurves_of(linked)[0].keyframe_points]
    lens = [tuple(point.co) for point in fcurves_of(linked.data)[0].keyframe_points]

    again = place_achieved_camera(scene, thin_bike_scene, TAKE, path(), answer(1.0))
    assert again == camera == scene.camera == marker.camera == constraint.target
    assert [found for found, _ in achieved_cameras(scene)] == [camera], "the copies are the artist's now"
    assert [tuple(point.co) for point in fcurves_of(linked)[0].keyframe_points] == keys
    assert [tuple(point.co) for point in fcurves_of(linked.data)[0].keyframe_points] == lens
    assert fcurves_of(camera.data) == []


def test_a_take_that_is_removed_leaves_copies_of_its_camera(blender: ModuleType, thin_bike_scene: PhotoScene) -> None:
    from blender_addon.blender_versions import fcurves_of
    from blender_addon.camera_check.achieved_camera import place_achieved_camera, remove_achieved_camera

    bpy, scene = blender, blender.context.scene
    camera = place_achieved_camera(scene, thin_bike_scene, TAKE, path(zoom=2.0), answer())
    linked = camera.copy()
    scene.collection.objects.link(linked)
    remove_achieved_camera(scene, "shot", 3)
    assert "shot, take 3 achieved" not in bpy.data.objects
    assert linked.name in scene.objects
    assert fcurves_of(linked)
    assert fcurves_of(linked.data)


def test_another_photo_that_is_re_metered_leaves_it_alone(
    blender: ModuleType, thin_bike_scene: PhotoScene, bike_import: ImportRequest
) -> None:
    from blender_addon.blender_versions import fcurves_of
    from blender_addon.camera_check.achieved_camera import check_of, place_achieved_camera
    from blender_addon.scene import import_photo
    from blender_addon.scene.editing.calibration import set_scale

    scene = blender.context.scene
    camera = place_achieved_camera(scene, thin_bike_scene, TAKE, path(), answer())
    before = {c.data_path: [p.co.y for p in c.keyframe_points] for c in fcurves_of(camera)}
    other = import_photo(scene, with_settings(bike_import, max_vertices=5_000))
    assert other.record.imported_at != thin_bike_scene.record.imported_at
    set_scale(scene, other, 2.0)
    assert {c.data_path: [p.co.y for p in c.keyframe_points] for c in fcurves_of(camera)} == before
    check = check_of(scene, TAKE)
    assert check is not None
    photo = find_photo_scene(scene, check.imported_at)
    assert photo is not None
    assert (photo.mesh, photo.record.scale) == (camera.parent, 1.0)


def test_undo_takes_it_away_whole_and_redo_brings_it_back(blender: ModuleType, thin_bike_scene: PhotoScene) -> None:
    from blender_addon.camera_check.achieved_camera import achieved_cameras, place_achieved_camera

    bpy = blender
    before = {kind: len(getattr(bpy.data, kind)) for kind in ("objects", "cameras", "actions")}
    bpy.ops.ed.undo_push(message="Before")
    place_achieved_camera(bpy.context.scene, thin_bike_scene, TAKE, path(), answer())
    bpy.ops.ed.undo_push(message="Check Camera")
    bpy.ops.ed.undo()
    assert {kind: len(getattr(bpy.data, kind)) for kind in before} == before
    bpy.ops.ed.redo()
    ((camera, check),) = achieved_cameras(bpy.context.scene)
    assert camera.parent is not None
    assert check.scale == 1.3


def test_it_keeps_its_place_in_the_photo_when_the_scene_is_re_metered(
    blender: ModuleType, thin_bike_scene: PhotoScene
) -> None:
    from blender_addon.blender_versions import fcurves_of
    from blender_addon.camera_check.achieved_camera import METRES, check_of, place_achieved_camera
    from blender_addon.scene.editing.calibration import set_scale
    from blender_addon.ui.check.check_paths import world_lines

    scene = blender.context.scene
    camera = place_achieved_camera(scene, thin_bike_scene, TAKE, path(), answer())
    set_scale(scene, thin_bike_scene, 2.0)
    photo = find_photo_scene(scene)
    assert photo is not None
    check = check_of(scene, TAKE)
    assert check is not None
    asked, achieved, apart = world_lines(check, np.array(photo.mesh.matrix_world), photo.record.scale)
    assert np.allclose(np.linalg.norm(asked, axis=1), 2 * np.linalg.norm(path().centres, axis=1))
    scene.frame_set(132)
    assert np.allclose(camera.matrix_world.translation, achieved[-1], atol=1e-4)
    assert apart.shape == (2 * len(PLACED), 3)
    errors = next(c for c in fcurves_of(camera) if METRES in c.data_path).keyframe_points
    assert [point.co.y for point in errors] == pytest.approx([2 * metres for metres in answer().metres])
