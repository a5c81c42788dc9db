"""The scale's operators: from a selection, in Edit Mode, undone in one step."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.blender


def two_empties(bpy: ModuleType) -> None:
    for name, place in (("a", (0, 2, 0)), ("b", (0, 2, 1))):
        empty = bpy.data.objects.new(name, None)
        bpy.context.scene.collection.objects.link(empty)
        empty.location = place
        empty.select_set(True)
    bpy.context.view_layer.update()


@pytest.fixture
def imported(addon: ModuleType, small_bike: Path) -> ModuleType:
    addon.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    addon.ops.object.select_all(action="DESELECT")
    return addon


def depth_at(bpy: ModuleType) -> float:
    from blender_addon.scene import find_photo_scene

    photo = find_photo_scene(bpy.context.scene)
    assert photo is not None
    return float(photo.mesh.data.vertices[20_000].co.length)


def scale_of(bpy: ModuleType) -> float:
    from blender_addon.scene import find_photo_scene

    photo = find_photo_scene(bpy.context.scene)
    assert photo is not None
    return photo.record.scale


def test_two_selected_empties_and_a_true_distance(imported: ModuleType) -> None:
    bpy = imported
    two_empties(bpy)
    before = depth_at(bpy)
    bpy.context.scene.camera.location.x = 0.5
    assert bpy.ops.realcam.set_scale(source="SELECTION", distance=2.5) == {"FINISHED"}
    assert depth_at(bpy) == pytest.approx(before * 2.5, rel=1e-5)
    assert bpy.context.scene.camera.location.x == pytest.approx(1.25)
    assert bpy.ops.realcam.reset_scale() == {"FINISHED"}
    assert depth_at(bpy) == pytest.approx(before, rel=1e-5)
    assert not bpy.ops.realcam.reset_scale.poll()


def test_undo_takes_everything_back(imported: ModuleType) -> None:
    bpy = imported
    two_empties(bpy)
    bpy.context.scene.camera.location.x = 0.5
    before = depth_at(bpy)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.realcam.set_scale(source="SELECTION", distance=2.5)
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    assert depth_at(bpy) == before
    assert scale_of(bpy) == 1.0
    assert bpy.context.scene.camera.location.x == pytest.approx(0.5)


def test_two_vertices_in_edit_mode(imported: ModuleType) -> None:
    import bmesh

    from blender_addon.scene import find_photo_scene

    bpy = imported
    photo = find_photo_scene(bpy.context.scene)
    assert photo is not None
    bpy.context.view_layer.objects.active = photo.mesh
    bpy.ops.object.mode_set(mode="EDIT")
    for vertex in bmesh.from_edit_mesh(photo.mesh.data).verts:
        vertex.select = vertex.index in (100, 20_000)
    bpy.ops.realcam.set_scale(source="SELECTION", distance=3.0)
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")
    a, b = (photo.mesh.data.vertices[index].co for index in (100, 20_000))
    assert (a - b).length == pytest.approx(3.0, rel=1e-5)


def test_what_is_missing_is_said(imported: ModuleType, blender: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="0 objects are selected"):
        imported.ops.realcam.set_scale(source="SELECTION", distance=1.0)
    with pytest.raises(RuntimeError, match="no ruler in this scene"):
        imported.ops.realcam.set_scale(source="RULER", distance=1.0)
    blender.ops.wm.read_factory_settings(use_empty=True)
    assert not imported.ops.realcam.set_scale.poll()
