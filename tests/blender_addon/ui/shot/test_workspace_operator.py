"""The workspace RealCam Shot: appended once, with a camera's view, the clip and the sequencer."""

from __future__ import annotations

from types import ModuleType

import pytest

pytestmark = pytest.mark.blender


def test_the_workspace_is_added_once_and_brings_no_scene_along(addon: ModuleType) -> None:
    bpy = addon
    bpy.ops.wm.read_factory_settings()
    before = (len(bpy.data.scenes), len(bpy.data.objects), len(bpy.data.workspaces))
    for _ in range(2):
        assert bpy.ops.realcam.shot_workspace() == {"FINISHED"}
    assert (len(bpy.data.scenes), len(bpy.data.objects), len(bpy.data.workspaces) - 1) == before
    (screen,) = bpy.data.workspaces["RealCam Shot"].screens
    spaces = [area.spaces.active for area in screen.areas]
    assert {s.view_type for s in spaces if s.type == "SEQUENCE_EDITOR"} == {"PREVIEW", "SEQUENCER"}
    (view,) = (s for s in spaces if s.type == "VIEW_3D")
    assert view.show_region_ui
    assert view.region_3d.view_perspective == "CAMERA"
