"""The focal length typed later, by operator."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.blender


def test_the_scene_is_rebuilt_and_the_panel_says_typed(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene

    bpy = addon
    assert not bpy.ops.realcam.set_focal_length.poll()
    bpy.ops.realcam.import_photo(filepath=str(small_bike))
    photo = find_photo_scene(bpy.context.scene)
    assert photo is not None
    assert photo.focal_source.startswith("assumed")
    bpy.context.view_layer.objects.active = photo.mesh
    bpy.ops.object.mode_set(mode="EDIT")
    assert bpy.ops.realcam.set_focal_length(focal_mm=48.2) == {"FINISHED"}
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")
    photo = find_photo_scene(bpy.context.scene)
    assert photo is not None
    assert photo.focal_source == "typed, 48.2 mm (35 mm eq.)"
    assert bpy.context.scene.camera.data.lens == photo.camera.data.lens


def test_the_dialog_says_the_number_that_blenders_camera_shows(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.scene.editing.focal_length_edit import camera_mm, focal_mm

    addon.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=33.0)
    photo = find_photo_scene(addon.context.scene)
    assert camera_mm(photo, focal_mm(photo)) == pytest.approx(photo.camera.data.lens, rel=1e-6)
