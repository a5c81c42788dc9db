"""The workspace for a shot: the camera's view, the clip beside it, the sequencer below."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy

from ...blender_versions import show_in_sequencers
from ..operator_result import OperatorResult

FILE = Path(__file__).parents[2] / "workspace" / "realcam_shot.blend"
NAME = "RealCam Shot"


class ShotWorkspace(bpy.types.Operator):
    """Add a workspace with the camera's view, the clip beside it and the sequencer below, or go to it"""

    bl_idname = "realcam.shot_workspace"
    bl_label = "RealCam Shot Workspace"
    bl_options: ClassVar[set[str]] = set()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a window."""
        return context.window is not None

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Go to the file's own if it has one, changed as the artist likes it; else append it."""
        known = bpy.data.workspaces.get(NAME)
        if known is not None:
            context.window.workspace = known
        elif "FINISHED" not in bpy.ops.workspace.append_activate(idname=NAME, filepath=str(FILE)):
            self.report({"ERROR"}, f"The workspace cannot be read from {FILE}. Install the add-on again.")
            return {"CANCELLED"}
        else:
            _look_through_camera(bpy.data.workspaces[NAME])
        show_in_sequencers(context.scene)
        return {"FINISHED"}


def _look_through_camera(workspace: bpy.types.WorkSpace) -> None:
    """Turn its view to the scene's camera: a file without that camera cannot say so."""
    for screen in workspace.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"


def _menu_entry(menu: Any, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("realcam.shot_workspace", icon="WORKSPACE")


def register_menu() -> None:
    """Add the entry to the Window menu."""
    bpy.types.TOPBAR_MT_window.append(_menu_entry)


def unregister_menu() -> None:
    """Remove the entry."""
    bpy.types.TOPBAR_MT_window.remove(_menu_entry)


CLASSES = (ShotWorkspace,)
