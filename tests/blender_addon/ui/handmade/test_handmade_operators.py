"""Depth from geometry and from the mesh's shape by the buttons: from any mode, undone, saved and opened, said."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.blender_addon.scene.handmade.placed_boxes import FAR, add_box, front, grey_photo

pytestmark = pytest.mark.blender


def current(bpy: ModuleType) -> Any:
    from blender_addon.scene import find_photo_scene

    photo = find_photo_scene(bpy.context.scene)
    assert photo is not None
    return photo


def wait_in_panel(bpy: ModuleType, folder: Path) -> None:
    """A photo alone was chosen and waits for its depth."""
    Image.new("RGB", (64, 48), (90, 90, 90)).save(folder / "alone.png")
    bpy.context.scene.realcam.photo.photo_path = str(folder / "alone.png")


def test_a_photo_alone_is_blocked_out(addon: ModuleType, tmp_path: Path) -> None:
    """It stands in the scene flat; the photo is seen behind the boxes; then they are its depth, in Edit Mode too."""
    bpy = addon
    assert not bpy.ops.realcam.block_out.poll()
    wait_in_panel(bpy, tmp_path)
    assert bpy.ops.realcam.block_out() == {"FINISHED"}
    assert bpy.context.scene.realcam.shows_geometry, "the panel with the next button opens"
    photo = current(bpy)
    np.testing.assert_allclose(photo.depth(), 10.0, rtol=1e-6)
    assert photo.mesh.hide_get()
    (picture,) = photo.camera.data.background_images
    assert (picture.image, picture.display_depth) == (photo.image, "BACK")
    with pytest.raises(RuntimeError, match="no mesh, curve, text or metaball is in the scene"):
        bpy.ops.realcam.depth_from_geometry(source="VISIBLE")
    assert current(bpy).mesh.hide_get(), "a refusal changes nothing"
    box = add_box(bpy, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    bpy.context.view_layer.objects.active = box
    bpy.ops.object.mode_set(mode="EDIT")
    assert bpy.ops.realcam.depth_from_geometry(source="VISIBLE") == {"FINISHED"}
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")
    photo = current(bpy)
    assert not photo.mesh.hide_get()
    assert not photo.camera.data.background_images
    np.testing.assert_allclose(photo.depth(), np.where(front(photo, 0.5, 3.0), 3.0, 10.0), rtol=1e-6)
    assert box.display_type == "WIRE", "the photo is seen on its mesh, which stands where the box stands"
    # Begun in Edit Mode of the mesh that it hides, which is not gone back to. The camera is made again when deleted.
    bpy.context.view_layer.objects.active = photo.mesh
    bpy.ops.object.mode_set(mode="EDIT")
    assert bpy.ops.realcam.block_out() == {"FINISHED"}
    assert (bpy.context.mode, current(bpy).mesh.hide_get()) == ("OBJECT", True)
    bpy.data.objects.remove(current(bpy).camera)
    with pytest.raises(RuntimeError, match="Press Make Its Camera Again"):
        bpy.ops.realcam.block_out()
    assert bpy.ops.realcam.restore_camera() == {"FINISHED"}
    assert not current(bpy).mesh.hide_get()
    # Begun and ended by the button.
    assert bpy.ops.realcam.block_out() == {"FINISHED"}
    assert bpy.ops.realcam.block_out() == {"FINISHED"}
    assert not current(bpy).mesh.hide_get()


def test_update_after_the_file_was_opened_again_and_undo(addon: ModuleType, tmp_path: Path) -> None:
    bpy = addon
    grey_photo(bpy, tmp_path)
    assert not bpy.ops.realcam.update_geometry.poll()
    boxes = bpy.data.collections.new("Boxes")
    bpy.context.scene.collection.children.link(boxes)
    box = add_box(bpy, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    boxes.objects.link(box)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.realcam.depth_from_geometry("EXEC_DEFAULT", True, source="COLLECTION", collection="Boxes") == {
        "FINISHED"
    }
    bpy.ops.ed.undo()
    np.testing.assert_allclose(current(bpy).depth(), FAR, rtol=1e-6)
    bpy.ops.ed.redo()
    boxes = bpy.data.collections["Boxes"]
    boxes.name = "Renamed"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "boxes.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "boxes.blend"))
    bpy.data.objects["Box"].location.y += 2.0
    assert bpy.ops.realcam.update_geometry() == {"FINISHED"}
    photo = current(bpy)
    np.testing.assert_allclose(photo.depth(), np.where(front(photo, 0.5, 5.0), 5.0, FAR), rtol=1e-6)
    bpy.data.collections.remove(bpy.data.collections["Renamed"])
    with pytest.raises(RuntimeError, match="No collection is chosen"):
        bpy.ops.realcam.update_geometry()


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT", "SCULPT"])
def test_taking_the_shape_from_any_mode_is_one_step_of_undo(addon: ModuleType, tmp_path: Path, mode: str) -> None:
    bpy = addon
    photo = grey_photo(bpy, tmp_path)
    assert bpy.ops.realcam.take_shape() == {"CANCELLED"}, "nothing to take"
    for vertex in photo.mesh.data.vertices:
        if abs(vertex.co.x) < 4 and abs(vertex.co.y) < 4:
            vertex.co *= 0.5
    bpy.context.view_layer.objects.active = photo.mesh
    bpy.ops.ed.undo_push(message="sculpted")
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode=mode)
    assert bpy.ops.realcam.take_shape("EXEC_DEFAULT", True) == {"FINISHED"}
    assert bpy.context.mode == ("EDIT_MESH" if mode == "EDIT" else "OBJECT")
    if mode == "EDIT":
        bpy.ops.object.mode_set(mode="OBJECT")
    photo = current(bpy)
    np.testing.assert_allclose(photo.depth(), np.where(front(photo, 4.0, FAR), 0.5, 1.0) * FAR, rtol=1e-6)
    cut = len(photo.mesh.data.polygons)
    assert cut < 63 * 47
    if mode == "OBJECT":
        bpy.ops.ed.undo()
        assert len(current(bpy).mesh.data.polygons) == 63 * 47


def test_the_second_of_two_photos_is_the_one_that_changes(addon: ModuleType, tmp_path: Path) -> None:
    bpy = addon
    first = grey_photo(bpy, tmp_path)
    name = first.mesh.name
    (tmp_path / "two").mkdir()
    second = grey_photo(bpy, tmp_path / "two")
    add_box(bpy, (-0.5, 3.0, -0.5), (0.5, 4.0, 0.5))
    assert bpy.ops.realcam.depth_from_geometry(source="VISIBLE", rest="UNKNOWN") == {"FINISHED"}
    assert current(bpy).mesh == second.mesh
    assert np.isnan(current(bpy).depth()).mean() > 0.5
    assert len(bpy.data.objects[name].data.vertices) == 64 * 48
    # Going to the other photo ends what was begun on this one: its mesh and the picture behind it are not both seen.
    assert bpy.ops.realcam.block_out() == {"FINISHED"}
    for mesh in (name, second.mesh.name):
        assert bpy.ops.realcam.choose_photo(mesh=mesh) == {"FINISHED"}
    assert not current(bpy).mesh.hide_get()
    assert not current(bpy).camera.data.background_images


def test_the_photo_matches_the_selected_camera(addon: ModuleType, tmp_path: Path) -> None:
    bpy = addon
    photo = grey_photo(bpy, tmp_path)
    with pytest.raises(RuntimeError, match="No camera is chosen"):
        bpy.ops.realcam.match_camera(camera="")
    bpy.ops.object.camera_add(location=(3.0, 1.0, 2.0), rotation=(1.5, 0.0, 0.3))
    assert bpy.ops.realcam.match_camera(camera=bpy.context.object.name) == {"FINISHED"}
    assert tuple(photo.mesh.location) == (3.0, 1.0, 2.0)
    assert current(bpy).focal_source.startswith("camera Camera, ")
