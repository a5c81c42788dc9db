"""Depth cleaning by operator: on, off, shown, hidden."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.blender


def test_flaws_are_toggled_and_shown(addon: ModuleType, small_bike: Path) -> None:
    from blender_addon.scene import find_photo_scene
    from blender_addon.scene.cleaning import flaws_shown

    bpy = addon
    assert not bpy.ops.realcam.toggle_flaw.poll()
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    scene = bpy.context.scene
    whole = find_photo_scene(scene).faces
    bpy.ops.realcam.show_flaws()
    assert flaws_shown(find_photo_scene(scene))
    assert find_photo_scene(scene).faces == whole, "showing changes nothing"
    bpy.ops.realcam.toggle_flaw(flaw="FLYING")
    assert find_photo_scene(scene).faces < whole
    bpy.ops.realcam.toggle_flaw(flaw="FLYING")
    assert find_photo_scene(scene).faces == whole
    bpy.ops.realcam.show_flaws()
    assert not flaws_shown(find_photo_scene(scene))
