"""Re-metering: the scene and its shots change size together, and every camera sees what it saw."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError, PhotoError

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

if TYPE_CHECKING:
    from blender_addon.scene import PhotoScene

from mathutils import Vector  # noqa: E402

from blender_addon.blender_versions import fcurves_of  # noqa: E402
from blender_addon.scene import find_photo_scene  # noqa: E402
from blender_addon.scene.editing.calibration import (  # noqa: E402
    Measure,
    point_under_ray,
    ruler_measure,
    selected_measure,
    set_scale,
    set_true_distance,
)
from blender_addon.shot import PreviewRenderer, bake_move, sample_camera, spread_frames  # noqa: E402

FRAMES = spread_frames(1, 12, 5)


def add_camera(bpy: ModuleType, name: str = "shot") -> Any:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 12
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    scene.collection.objects.link(camera)
    camera.rotation_euler = (np.pi / 2, 0, 0.1)
    camera.location = (0.05, 0.1, -0.02)
    scene.camera = camera
    bpy.context.view_layer.update()
    return camera


def add_empty(bpy: ModuleType, name: str, location: tuple[float, float, float]) -> Any:
    empty = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(empty)
    empty.location = location
    return empty


def key_location(subject: Any, *places: tuple[int, tuple[float, float, float]]) -> None:
    for frame, place in places:
        subject.location = place
        subject.keyframe_insert("location", frame=frame)


def path_of(photo: PhotoScene, camera: Any) -> Trajectory:
    import bpy

    return sample_camera(bpy.context.scene, camera, FRAMES, photo.mesh)


def keyed(bpy: ModuleType, photo: PhotoScene) -> Any:
    camera = add_camera(bpy)
    bake_move(bpy.context.scene, camera, "orbit", {"angle": 20.0, "pivot": 3.0}, 1, 12)
    return camera


def with_free_handles(bpy: ModuleType, photo: PhotoScene) -> Any:
    camera = add_camera(bpy)
    key_location(camera, (1, (0, 0, 0)), (6, (0.4, 0.1, 0)), (12, (0.5, 0.6, 0.2)))
    for curve in fcurves_of(camera):
        for point in curve.keyframe_points:
            point.handle_left_type = point.handle_right_type = "FREE"
            point.handle_right.y += 0.3
    curve.modifiers.new("NOISE").strength = 0.2
    return camera


def on_the_mesh(bpy: ModuleType, photo: PhotoScene) -> Any:
    camera = add_camera(bpy)
    camera.parent = photo.mesh
    camera.matrix_parent_inverse = photo.mesh.matrix_world.inverted()
    key_location(camera, (1, (0.0, 0.2, 0)), (12, (0.3, 0.6, 0.1)))
    return camera


def on_a_dolly_looking_at_a_target(bpy: ModuleType, photo: PhotoScene) -> Any:
    camera = add_camera(bpy)
    dolly, target = add_empty(bpy, "dolly", (0.3, -0.2, 0.1)), add_empty(bpy, "target", (0.1, 3, 0))
    dolly.rotation_euler.z = 0.3
    key_location(dolly, (1, (0.3, -0.2, 0.1)), (12, (-0.3, 0.5, 0.1)))
    camera.parent = dolly
    key_location(camera, (1, (0, 0, 0)), (12, (0.1, 0.2, 0.3)))
    aim = camera.constraints.new("TRACK_TO")
    aim.target = target
    return camera


def on_a_path(bpy: ModuleType, photo: PhotoScene) -> Any:
    camera = add_camera(bpy)
    curve = bpy.data.curves.new("path", "CURVE")
    curve.dimensions = "3D"
    spline = curve.splines.new("BEZIER")
    spline.bezier_points.add(1)
    for point, x in zip(spline.bezier_points, (-0.4, 0.6), strict=True):
        point.co = (x, 0.2 * x, 0.1)
        point.handle_left_type = point.handle_right_type = "AUTO"
    path = bpy.data.objects.new("path", curve)
    bpy.context.scene.collection.objects.link(path)
    camera.location = (0, 0, 0)
    follow = camera.constraints.new("FOLLOW_PATH")
    follow.target, follow.use_fixed_location = path, True
    for frame, offset in ((1, 0.0), (12, 1.0)):
        follow.offset_factor = offset
        follow.keyframe_insert("offset_factor", frame=frame)
    return camera


def child_of_a_car(bpy: ModuleType, photo: PhotoScene) -> Any:
    camera = add_camera(bpy)
    car = add_empty(bpy, "car", (0.2, 0, 0))
    bpy.context.view_layer.update()
    hold = camera.constraints.new("CHILD_OF")
    hold.target, hold.inverse_matrix = car, car.matrix_world.inverted()
    key_location(car, (1, (0.2, 0, 0)), (12, (0.5, 0.7, 0)))
    return camera


RIGS = [keyed, with_free_handles, on_the_mesh, on_a_dolly_looking_at_a_target, on_a_path, child_of_a_car]


@pytest.mark.parametrize("moved", [False, True], ids=["at the origin", "placed elsewhere"])
@pytest.mark.parametrize("rig", RIGS)
def test_the_camera_path_is_rescaled_and_nothing_else(
    blender: ModuleType, bike_scene: PhotoScene, rig: Callable[..., Any], moved: bool
) -> None:
    photo = bike_scene
    if moved:
        photo.mesh.location, photo.mesh.rotation_euler.z = (1.5, -2, 0.7), 0.4
        photo.mesh.scale = (0.5, 0.5, 0.5)
    camera = rig(blender, photo)
    before = path_of(photo, camera)
    assert np.linalg.norm(np.diff(before.centres, axis=0), axis=1).sum() > 0.1
    set_scale(blender.context.scene, photo, 1.7)
    after, wanted = path_of(photo, camera), before.rescale(1.7)
    np.testing.assert_allclose(after.camera_to_world, wanted.camera_to_world, atol=2e-5)
    np.testing.assert_allclose(after.intrinsics, wanted.intrinsics)


def test_the_preview_is_the_same_picture(blender: ModuleType, bike_scene: PhotoScene) -> None:
    camera = keyed(blender, bike_scene)

    def pictures() -> np.ndarray[Any, Any]:
        path = path_of(bike_scene, camera).resized(128, 80)
        with PreviewRenderer(bike_scene, bike_scene.depth(), path, "workbench") as renderer:
            return np.stack([renderer.render(index) for index in (0, 2, 4)])

    before = pictures()
    assert 0.2 < (before[..., 3] > 0).mean() < 1
    set_scale(blender.context.scene, bike_scene, 2.0)
    np.testing.assert_array_equal(pictures(), before)
    set_scale(blender.context.scene, bike_scene, 0.37)
    # Rounding of single precision moves an edge over a pixel's middle here and there.
    assert (pictures() != before).any(axis=-1).mean() < 1e-3


def test_depth_is_metered_and_can_be_metered_again(blender: ModuleType, bike_scene: PhotoScene) -> None:
    scene, depth = blender.context.scene, bike_scene.depth()
    once = set_scale(scene, bike_scene, 1.5)
    np.testing.assert_allclose(once.depth(), depth * 1.5, rtol=1e-6)
    assert once.record.scale == 1.5
    found = find_photo_scene(scene)
    assert found is not None
    assert found.record == once.record
    again = set_scale(scene, once, 1.0)
    np.testing.assert_allclose(again.depth(), depth, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(again.depth()), np.isnan(depth))


def test_two_points_and_their_true_distance(blender: ModuleType, bike_scene: PhotoScene) -> None:
    scene, photo = blender.context.scene, bike_scene
    photo.mesh.scale = (2, 2, 2)
    blender.context.view_layer.update()
    a, b = (photo.mesh.data.vertices[i] for i in (1000, 200_000))
    world = photo.mesh.matrix_world
    measure = Measure(world @ a.co, world @ b.co)
    assert measure.metres(photo) == pytest.approx((a.co - b.co).length, rel=1e-5)
    metered = set_true_distance(scene, photo, measure, 4.2)
    assert (a.co - b.co).length == pytest.approx(4.2, rel=1e-5)
    with pytest.raises(PhotoError, match="two points are the same"):
        set_true_distance(scene, metered, Measure(measure.start, measure.start), 1.0)
    with pytest.raises(PhotoError, match="not a positive number"):
        set_true_distance(scene, metered, measure, 0.0)
    with pytest.raises(PhotoError, match="times as large as imported"):
        set_true_distance(scene, metered, measure, 1e9)


def test_props_keep_their_size_and_what_hangs_on_the_photo_does_not(
    blender: ModuleType, bike_scene: PhotoScene
) -> None:
    prop, stuck = add_empty(blender, "prop", (1, 2, 0)), add_empty(blender, "stuck", (0, 0, -2))
    beside = blender.data.objects.new("beside", None)
    bike_scene.mesh.users_collection[0].objects.link(beside)
    beside.location = (0.5, 3, 0)
    stuck.parent = bike_scene.mesh
    camera = add_camera(blender)
    camera.data.dof.focus_distance, camera.data.clip_end = 2.0, 50.0
    set_scale(blender.context.scene, bike_scene, 3.0)
    assert tuple(prop.location) == (1, 2, 0)
    assert tuple(stuck.location) == (0, 0, -6)
    assert tuple(beside.location) == (1.5, 9, 0)
    assert camera.data.dof.focus_distance == pytest.approx(6.0)
    assert camera.data.clip_end == pytest.approx(150.0)
    assert bike_scene.camera is not None
    np.testing.assert_allclose(bike_scene.camera.matrix_world, bike_scene.mesh.matrix_world, atol=1e-6)


def test_a_camera_that_cannot_follow_is_named_and_nothing_changes(blender: ModuleType, bike_scene: PhotoScene) -> None:
    scene, camera = blender.context.scene, with_free_handles(blender, bike_scene)
    second = add_camera(blender, "held")
    limit = second.constraints.new("LIMIT_LOCATION")
    limit.use_max_y, limit.max_y = True, 0.12
    before, depth = path_of(bike_scene, camera), bike_scene.depth()
    clip = second.data.clip_end
    with pytest.raises(CameraError, match="held would not keep the framing: constraints Limit Location"):
        set_scale(scene, bike_scene, 2.0)
    np.testing.assert_array_equal(path_of(bike_scene, camera).camera_to_world, before.camera_to_world)
    np.testing.assert_array_equal(bike_scene.depth(), depth)
    assert second.data.clip_end == clip
    found = find_photo_scene(scene)
    assert found is not None
    assert found.record.scale == 1.0


def test_points_come_from_the_selection(blender: ModuleType, bike_scene: PhotoScene) -> None:
    context, mesh = blender.context, bike_scene.mesh
    a, b = add_empty(blender, "a", (0, 1, 0)), add_empty(blender, "b", (0, 1, 2))
    context.view_layer.update()
    a.select_set(True)
    with pytest.raises(PhotoError, match="1 objects are selected"):
        selected_measure(context)
    b.select_set(True)
    assert selected_measure(context).metres(bike_scene) == pytest.approx(2.0)
    context.view_layer.objects.active = mesh
    blender.ops.object.mode_set(mode="EDIT")
    import bmesh

    edited = bmesh.from_edit_mesh(mesh.data)
    edited.verts.ensure_lookup_table()
    for vertex in edited.verts:
        vertex.select = vertex.index in (10, 5000)
    measure = selected_measure(context)
    blender.ops.object.mode_set(mode="OBJECT")
    vertices = mesh.data.vertices
    assert (measure.end - measure.start).length == pytest.approx((vertices[10].co - vertices[5000].co).length)


def test_a_ray_meets_the_mesh_where_the_photo_shows_it(blender: ModuleType, bike_scene: PhotoScene) -> None:
    bike_scene.mesh.location.x = 0.3
    blender.context.view_layer.update()
    vertex = bike_scene.mesh.matrix_world @ bike_scene.mesh.data.vertices[150_000].co
    eye = bike_scene.mesh.matrix_world.translation
    met = point_under_ray(blender.context, bike_scene, eye, vertex - eye)
    assert met is not None
    assert (met - vertex).length < 1e-3 * vertex.length
    assert point_under_ray(blender.context, bike_scene, eye, Vector((0, -1, 0))) is None


def test_without_a_ruler_it_is_said_how_to_get_one(blender: ModuleType) -> None:
    with pytest.raises(PhotoError, match="no ruler in this scene"):
        ruler_measure(blender.context.scene)
