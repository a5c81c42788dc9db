"""What an artist may do to the photo's mesh with Blender's menus: the shot stays, or a sentence says what mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.core.depth.layout.layout import DepthLayout
from blender_addon.core.errors import CameraError, PhotoError, RealCamError
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest
from server.demo.motorcycle import Motorcycle
from tests.support.photos import write_small_bike

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from mathutils import Matrix  # noqa: E402

from blender_addon.scene import PhotoScene, find_photo_scene, import_photo, set_depth_edge  # noqa: E402
from blender_addon.scene.edited_mesh import (  # noqa: E402
    copies_of,
    make_own_photo,
    mesh_edits,
    put_back,
    restore_camera,
)
from blender_addon.scene.editing.calibration import set_scale  # noqa: E402
from blender_addon.scene.editing.cleaning import MOVED, set_cleaned  # noqa: E402
from blender_addon.scene.editing.depth_layout import remove_layout, set_layout  # noqa: E402
from blender_addon.scene.editing.focal_length_edit import set_focal_length  # noqa: E402
from blender_addon.scene.editing.geometry_choice import GeometryChoice  # noqa: E402
from blender_addon.scene.editing.new_depth import set_depth  # noqa: E402
from blender_addon.scene.editing.rig_dependencies import artists_cameras  # noqa: E402
from blender_addon.scene.handmade.block_out import begin_block_out  # noqa: E402
from blender_addon.scene.handmade.geometry_depth import take_geometry  # noqa: E402
from blender_addon.scene.handmade.match_camera import lens_by_hand, match_camera  # noqa: E402
from blender_addon.scene.handmade.take_shape import take_shape  # noqa: E402
from blender_addon.scene.mesh import TAKEN  # noqa: E402
from blender_addon.scene.photo_frame import restore_axes  # noqa: E402
from blender_addon.scene.photo_scene import photo_scenes, with_own_axes  # noqa: E402
from blender_addon.shot import sample_camera  # noqa: E402
from blender_addon.shot.check_shot import check_shot  # noqa: E402


@pytest.fixture
def photo(blender: ModuleType, bike: Motorcycle, tmp_path: Path) -> PhotoScene:
    """A small photo, turned, twice as large and off the origin, and the scene's camera beside it."""
    imported = import_photo(
        blender.context.scene, ImportRequest(write_small_bike(bike, tmp_path), DepthFile(tmp_path / "bike_depth.npy"))
    )
    imported.mesh.rotation_euler.z, imported.mesh.scale = 0.4, (2, 2, 2)
    imported.mesh.location = (1, 2, 3)
    camera = blender.data.objects.new("Shot", blender.data.cameras.new("Shot"))
    camera.location, camera.rotation_euler = (1.5, 2.2, 3.1), (1.5, 0.1, 0.5)
    blender.context.scene.collection.objects.link(camera)
    return select(blender, imported)


def select(bpy: ModuleType, photo: PhotoScene) -> PhotoScene:
    bpy.context.view_layer.update()
    for other in bpy.context.scene.objects:
        other.select_set(other == photo.mesh)
    bpy.context.view_layer.objects.active = photo.mesh
    return photo


def again(bpy: ModuleType) -> PhotoScene:
    found = find_photo_scene(bpy.context.scene)
    assert found is not None
    return found


def pose(bpy: ModuleType, photo: PhotoScene) -> NDArray[np.float64]:
    """The shot's camera in the photo's metres."""
    scene = bpy.context.scene
    return sample_camera(scene, bpy.data.objects["Shot"], [1], with_own_axes(photo).mesh).camera_to_world[0]


def drawn(bpy: ModuleType, photo: PhotoScene) -> NDArray[np.float64]:
    """[V, 3] where the mesh is seen in the world."""
    bpy.context.view_layer.update()
    points = np.array([v.co for v in photo.mesh.data.vertices])
    world = np.array(photo.mesh.matrix_world)
    return np.asarray(points @ world[:3, :3].T + world[:3, 3])


def in_edit_mode(bpy: ModuleType, *steps: Callable[[], Any]) -> None:
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    for step in steps:
        step()
    bpy.ops.object.mode_set(mode="OBJECT")


def mends(bpy: ModuleType) -> set[str]:
    """The buttons that the panel offers."""
    return {name for edit in mesh_edits(bpy.context.scene, again(bpy)) for name in edit.mends}


AXES: dict[str, Callable[[Any], Any]] = {
    "Apply Rotation": lambda ops: ops.object.transform_apply(location=False, rotation=True, scale=False),
    "Apply Scale": lambda ops: ops.object.transform_apply(location=False, rotation=False, scale=True),
    "Apply All": lambda ops: ops.object.transform_apply(),
    "Origin to Geometry": lambda ops: ops.object.origin_set(type="ORIGIN_GEOMETRY"),
    "Origin to Mass": lambda ops: ops.object.origin_set(type="ORIGIN_CENTER_OF_VOLUME"),
    "Origin to Cursor": lambda ops: ops.object.origin_set(type="ORIGIN_CURSOR"),
}
KEEPING: dict[str, Callable[[Any], Any]] = {
    "All to Deltas": lambda ops: ops.object.transforms_to_deltas(mode="ALL"),
    "Visual Transform": lambda ops: ops.object.visual_transform_apply(),
    "Make Single User": lambda ops: ops.object.make_single_user(object=True, obdata=True),
}


@pytest.mark.parametrize("name", [*AXES, *KEEPING])
def test_a_shot_does_not_change_with_the_meshs_axes(photo: PhotoScene, blender: ModuleType, name: str) -> None:
    assert mends(blender) == set()
    depth, before = photo.depth(), pose(blender, photo)
    seen = drawn(blender, photo)
    {**AXES, **KEEPING}[name](blender.ops)
    assert mends(blender) == ({"restore_axes"} if name in AXES else set())
    np.testing.assert_allclose(again(blender).depth(), depth, rtol=2e-5)
    np.testing.assert_allclose(pose(blender, again(blender)), before, atol=2e-5)
    assert mends(blender) == set(), "read for a shot, the mesh has its own axes again"
    np.testing.assert_allclose(drawn(blender, again(blender)), seen, atol=2e-5)
    camera = again(blender).camera
    assert camera is not None
    np.testing.assert_allclose(camera.matrix_world, again(blender).world, atol=2e-5)


def test_a_camera_that_was_deleted_is_made_again(photo: PhotoScene, blender: ModuleType) -> None:
    """Where it took the photo, with its lens, hidden in no view; the shot never needed it."""
    old = photo.camera
    assert old is not None
    place, lens, before = photo.world.copy(), old.data.lens, pose(blender, photo)
    blender.data.objects.remove(old)
    assert mends(blender) == {"restore_camera"}
    np.testing.assert_allclose(pose(blender, again(blender)), before, atol=1e-6)
    restore_camera(again(blender))
    camera = again(blender).camera
    assert camera is not None
    blender.context.view_layer.update()
    np.testing.assert_allclose(camera.matrix_world, place, atol=1e-6)
    assert (camera.data.lens, mends(blender)) == (lens, set())


def test_a_sheared_mesh_is_not_moved_in_silence(photo: PhotoScene, blender: ModuleType) -> None:
    """An object holds no shear: a mesh that has one is sculpted, and a parent that gives it one keeps no shot."""
    assert photo.camera is not None
    blender.data.objects.remove(photo.camera)
    seen = drawn(blender, photo)
    photo.mesh.data.transform(Matrix.Shear("XY", 4, (0.3, 0.0)))
    assert "put_back" in mends(blender)
    put_back(restore_camera(again(blender)))
    np.testing.assert_allclose(drawn(blender, again(blender)), seen, atol=2e-5)
    parent = blender.data.objects.new("uneven", None)
    blender.context.scene.collection.objects.link(parent)
    # Turned by 45 degrees below it: its axes come out equally long, but not at right angles.
    parent.scale, photo.mesh.parent = (1, 2, np.sqrt(2.5)), parent
    photo.mesh.rotation_euler = (0, 0, np.pi / 4)
    with pytest.raises(CameraError, match="is sheared"):
        pose(blender, again(blender))


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("camera", ["there", "deleted", "moved away"])
def test_the_vertices_or_the_camera_tell_the_axes(
    photo: PhotoScene, blender: ModuleType, camera: str, older: bool
) -> None:
    depth, before = photo.depth(), pose(blender, photo)
    assert photo.camera is not None
    if camera == "deleted":
        blender.data.objects.remove(photo.camera)
    elif camera == "moved away":
        photo.camera.parent = None
    if older:
        photo.mesh.data.attributes.remove(photo.mesh.data.attributes[TAKEN])
    blender.ops.object.transform_apply()
    if older and camera != "there":
        assert mends(blender), "nothing tells where its camera stood: that is said"
        return
    np.testing.assert_allclose(again(blender).depth(), depth, rtol=2e-5)
    np.testing.assert_allclose(pose(blender, again(blender)), before, atol=2e-5)


def test_tools_that_change_the_mesh_give_it_its_axes_back_first(photo: PhotoScene, blender: ModuleType) -> None:
    depth, seen = photo.depth(), drawn(blender, photo)
    blender.ops.object.origin_set(type="ORIGIN_GEOMETRY")
    set_depth_edge(again(blender), 0.04)
    np.testing.assert_allclose(drawn(blender, again(blender)), seen, atol=2e-5)
    blender.ops.object.transform_apply()
    set_scale(blender.context.scene, again(blender), 2.0)
    np.testing.assert_allclose(again(blender).depth(), 2 * depth, rtol=2e-5)


def test_an_animated_mesh_is_not_moved_but_told(photo: PhotoScene, blender: ModuleType) -> None:
    photo.mesh.keyframe_insert("location", frame=1)
    blender.ops.object.origin_set(type="ORIGIN_GEOMETRY")
    with pytest.raises(PhotoError, match=r"other axes than its camera.*location is animated"):
        pose(blender, again(blender))


def test_sculpting_is_told_and_taken_or_put_back(photo: PhotoScene, blender: ModuleType) -> None:
    depth = photo.depth()
    in_edit_mode(blender, lambda: blender.ops.transform.translate(value=(0, 0.3, 0)))
    assert mends(blender) == {"take_shape", "put_back"}
    put_back(again(blender))
    assert mends(blender) == set()
    np.testing.assert_allclose(again(blender).depth(), depth, rtol=1e-5)


def test_shape_keys_are_told_before_cleaning_and_gone_once_it_is_put_back(
    photo: PhotoScene, blender: ModuleType
) -> None:
    """They hold where the mesh is seen, whatever its vertices say."""
    in_edit_mode(blender, lambda: blender.ops.transform.translate(value=(0, 0.3, 0)))
    photo.mesh.shape_key_add(name="Basis")
    with pytest.raises(PhotoError, match=r"shape keys.*Take Shape as Depth first"):
        set_cleaned(blender.context.scene, again(blender), MOVED)
    put_back(again(blender))
    blender.context.view_layer.update()
    seen = photo.mesh.evaluated_get(blender.context.evaluated_depsgraph_get()).data.vertices
    np.testing.assert_array_equal([v.co for v in seen], [v.co for v in photo.mesh.data.vertices])
    set_cleaned(blender.context.scene, again(blender), MOVED)


def test_a_decimated_mesh_keeps_its_depth_and_is_not_cut_to_pieces(photo: PhotoScene, blender: ModuleType) -> None:
    depth = photo.depth()
    modifier = photo.mesh.modifiers.new("Decimate", "DECIMATE")
    modifier.ratio = 0.2
    assert mends(blender) == {"take_shape"}, "a modifier is no part of the shot"
    blender.ops.object.modifier_apply(modifier="Decimate")
    assert mends(blender) == {"take_shape"}
    now = again(blender).depth()
    both = np.isfinite(now) & np.isfinite(depth)
    assert both.sum() > 0.95 * np.isfinite(depth).sum()
    assert np.median(np.abs(now / depth - 1)[both]) < 0.002
    with pytest.raises(PhotoError, match=r"was simplified.*Take Shape as Depth first"):
        set_depth_edge(again(blender), 0.04)
    take_shape(blender.context.scene, again(blender), blender.context.evaluated_depsgraph_get())
    assert mends(blender) == set(), mesh_edits(blender.context.scene, again(blender))
    set_depth_edge(again(blender), 0.04)


def test_joined_and_subdivided_vertices_are_no_pixels(photo: PhotoScene, blender: ModuleType) -> None:
    depth = photo.depth()
    blender.ops.mesh.primitive_cube_add()
    select(blender, photo)
    blender.data.objects["Cube"].select_set(True)
    blender.ops.object.join()
    assert mends(blender) == {"take_shape"}
    np.testing.assert_array_equal(again(blender).depth(), depth)
    with pytest.raises(PhotoError, match="8 that were joined"):
        set_depth_edge(again(blender), 0.04)
    in_edit_mode(blender, blender.ops.mesh.subdivide)
    np.testing.assert_array_equal(again(blender).depth(), depth)


@pytest.mark.parametrize("linked", [False, True])
def test_a_copy_is_told_apart_and_can_be_a_photo_of_its_own(
    photo: PhotoScene, blender: ModuleType, linked: bool
) -> None:
    blender.ops.object.duplicate(linked=linked)
    (copy,) = blender.context.selected_objects
    copy.name = "a copy, first by its name"
    assert again(blender).mesh == photo.mesh
    assert mends(blender) == {"own_photo"}
    (found,) = copies_of(blender.context.scene, again(blender))
    make_own_photo(blender.context.scene, found)
    assert mends(blender) == set()
    own = again(blender)
    assert own.mesh in (copy, photo.mesh)
    assert photo.mesh.data != copy.data
    assert {o.name for o in blender.context.scene.objects if o.type == "CAMERA"} == {
        "Shot",
        "bike camera",
        "bike camera.001",
    }


def test_a_copy_keeps_the_depth_from_before_its_layout(photo: PhotoScene, blender: ModuleType) -> None:
    scene, depth = blender.context.scene, photo.depth()
    set_layout(scene, photo, DepthLayout(ground=None, farthest=9.0))
    blender.ops.object.duplicate()
    (found,) = copies_of(scene, again(blender))
    own = make_own_photo(scene, found)
    for mesh in (photo.mesh, own.mesh):
        remove_layout(next(one for one in photo_scenes(scene) if one.mesh == mesh))
    for one in photo_scenes(scene):
        np.testing.assert_allclose(one.depth(), depth, rtol=1e-5)


def test_a_piece_that_was_separated_is_told(photo: PhotoScene, blender: ModuleType) -> None:
    half = [v.co.x > 0 for v in photo.mesh.data.vertices]
    photo.mesh.data.vertices.foreach_set("select", half)
    blender.ops.object.mode_set(mode="EDIT")
    blender.ops.mesh.separate(type="SELECTED")
    blender.ops.object.mode_set(mode="OBJECT")
    assert again(blender).mesh == photo.mesh
    assert "own_photo" in mends(blender)


def test_a_mirrored_mesh_makes_no_shot(photo: PhotoScene, blender: ModuleType) -> None:
    blender.ops.transform.mirror(constraint_axis=(True, False, False))
    blender.context.view_layer.update()
    assert any(edit.prevents and "mirrored" in edit.sentence for edit in mesh_edits(blender.context.scene, photo))


def test_a_mesh_that_lost_its_attributes_is_told(photo: PhotoScene, blender: ModuleType) -> None:
    for attribute in list(photo.mesh.data.attributes):
        if attribute.name.startswith("realcam"):
            photo.mesh.data.attributes.remove(attribute)
    assert any(edit.prevents and "lost what ties" in edit.sentence for edit in mesh_edits(blender.context.scene, photo))
    with pytest.raises(RealCamError):
        photo.depth()


def test_a_photo_of_another_file_makes_shots_and_is_changed_there(
    photo: PhotoScene, blender: ModuleType, tmp_path: Path
) -> None:
    depth, before = photo.depth(), pose(blender, photo)
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    blender.ops.wm.read_factory_settings(use_empty=True)
    with blender.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (source, target):
        target.objects = source.objects
    for linked in target.objects:
        blender.context.scene.collection.objects.link(linked)
    found = again(blender)
    np.testing.assert_array_equal(found.depth(), depth)
    np.testing.assert_allclose(pose(blender, found), before, atol=1e-6)
    scene = blender.context.scene
    changes: list[Callable[[], Any]] = [
        lambda: set_depth_edge(found, 0.04),
        lambda: set_scale(scene, found, 2.0),
        lambda: set_focal_length(scene, found, 35.0),
        lambda: set_layout(scene, found, DepthLayout(ground=None, farthest=9.0)),
        lambda: set_depth(scene, found, depth, np.isfinite(depth)),
    ]
    for change in changes:
        with pytest.raises(PhotoError, match=r"linked from another file.*library\.blend"):
            change()


def test_an_override_of_a_linked_photo_makes_shots(photo: PhotoScene, blender: ModuleType, tmp_path: Path) -> None:
    """As an artist makes one: linked as an instance, which is told, then Make Library Override; saved and opened."""
    depth, before = photo.depth(), pose(blender, photo)
    (collection,) = photo.mesh.users_collection
    collection.objects.link(blender.data.objects["Shot"])
    name = collection.name
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    blender.ops.wm.read_factory_settings(use_empty=True)
    with blender.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, target):
        target.collections = [name]
    scene = blender.context.scene
    instance = blender.data.objects.new("bike", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", target.collections[0]
    scene.collection.objects.link(instance)
    assert any("Library Override > Make" in problem.sentence for problem in check_shot(scene, 1, 2))
    blender.context.view_layer.objects.active = instance
    blender.context.view_layer.update()
    instance.select_set(True)
    assert blender.ops.object.make_override_library() == {"FINISHED"}
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    blender.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    scene, found = blender.context.scene, again(blender)
    assert (len(photo_scenes(scene)), mends(blender)) == (1, set())
    assert found.camera is not None
    assert [camera.name for camera in artists_cameras(scene)] == ["Shot"]
    np.testing.assert_array_equal(found.depth(), depth)
    np.testing.assert_allclose(pose(blender, found), before, atol=1e-6)
    for change in (lambda: put_back(found), lambda: begin_block_out(scene, found)):
        with pytest.raises(PhotoError, match=r"linked from another file.*library\.blend"):
            change()


def test_what_rebuilds_the_mesh_waits_for_edit_mode_to_be_left(blender: ModuleType, photo: PhotoScene) -> None:
    """And changes nothing: in Edit Mode Blender writes its own mesh over what was rebuilt."""
    scene, depsgraph = blender.context.scene, blender.context.evaluated_depsgraph_get()
    camera = blender.data.objects["Shot"]
    depth, everywhere = photo.depth(), np.ones((photo.record.rows, photo.record.columns), np.bool_)
    laid_out = set_layout(scene, photo, DepthLayout())
    before = drawn(blender, select(blender, laid_out))
    refused: dict[str, Callable[[], Any]] = {
        "ground and walls": lambda: set_layout(scene, laid_out, DepthLayout()),
        "the depth before": lambda: remove_layout(laid_out),
        "another depth": lambda: set_depth(scene, laid_out, depth, everywhere),
        "another scale": lambda: set_scale(scene, laid_out, 2.0),
        "another camera": lambda: match_camera(scene, laid_out, camera, depsgraph),
        "geometry": lambda: take_geometry(scene, laid_out, depsgraph, GeometryChoice("VISIBLE")),
        "its shape": lambda: take_shape(scene, laid_out, depsgraph),
        "its axes": lambda: restore_axes(laid_out.mesh, laid_out.frame),
    }
    blender.ops.object.mode_set(mode="EDIT")
    try:
        for name, change in refused.items():
            with pytest.raises(PhotoError, match=r"mesh is being edited: .* Leave Edit Mode") as caught:
                change()
            assert caught.value.remedy, name
    finally:
        blender.ops.object.mode_set(mode="OBJECT")
    np.testing.assert_array_equal(drawn(blender, laid_out), before)
    assert again(blender).record == laid_out.record


def test_numbers_that_no_photo_has_are_refused(blender: ModuleType, photo: PhotoScene) -> None:
    scene = blender.context.scene
    for mm in (0.5, 100_000.0):
        with pytest.raises(PhotoError, match="This is no photo's focal length"):
            set_focal_length(scene, photo, mm)
    for edge in (0.0, float("nan")):
        with pytest.raises(PhotoError, match="The depth edge is not a positive number"):
            set_depth_edge(photo, edge)


def test_the_photos_camera_may_be_gone_or_see_in_parallel(blender: ModuleType, photo: PhotoScene) -> None:
    assert lens_by_hand(photo) is None
    assert lens_by_hand(replace(photo, camera=None)) is None
    assert photo.camera is not None
    photo.camera.data.type = "ORTHO"
    with pytest.raises(CameraError, match=r"is no perspective camera: bike camera\. Set its type to Perspective"):
        lens_by_hand(photo)
