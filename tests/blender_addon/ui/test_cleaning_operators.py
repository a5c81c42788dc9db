"""Depth cleaning by operator: done, taken back, shown, hidden."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.blender


def test_steps_are_toggled_and_shown(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.scene.overlay import cleaning_shown

    bpy = addon
    assert not bpy.ops.realcam.toggle_cleaning.poll()
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    scene = bpy.context.scene
    whole = find_photo_scene(scene).faces
    bpy.ops.realcam.show_cleaning()
    assert cleaning_shown(find_photo_scene(scene))
    assert find_photo_scene(scene).faces == whole, "showing changes nothing"
    for step in ("FLYING", "OUTLIERS"):
        bpy.ops.realcam.toggle_cleaning(step=step)
        assert find_photo_scene(scene).faces < whole
        bpy.ops.realcam.toggle_cleaning(step=step)
        assert find_photo_scene(scene).faces == whole
    bpy.ops.realcam.toggle_cleaning(step="EDGES")
    assert find_photo_scene(scene).record.cleaned
    bpy.ops.realcam.show_cleaning()
    assert not cleaning_shown(find_photo_scene(scene))


def test_steps_work_in_edit_mode(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene

    bpy = addon
    bpy.ops.realcam.import_photo(filepath=str(small_bike))
    photo = find_photo_scene(bpy.context.scene)
    bpy.context.view_layer.objects.active = photo.mesh
    bpy.ops.object.mode_set(mode="EDIT")
    assert bpy.ops.realcam.toggle_cleaning(step="FLYING") == {"FINISHED"}
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")
