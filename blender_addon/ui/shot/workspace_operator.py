"""The workspace for a shot: the camera's view, the clip beside it, the sequencer below."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy

from ...blender_versions import show_in_sequencer
from ...core.entry_points import entry_point
from ..operator_result import OperatorResult
from ..sidebar import SidebarPanel

FILE = Path(__file__).parents[2] / "workspace" / "realcam_shot.blend"
NAME = "RealCam Shot"
DRAWN_AFTER = 0.5
"""Seconds after which a workspace that was added is on the screen."""


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
            # A sidebar has no tabs to choose from before it is drawn.
            bpy.app.timers.register(_open_tab, first_interval=DRAWN_AFTER)
        show_in_sequencer(bpy.data.workspaces[NAME], context.scene)
        return {"FINISHED"}


@entry_point("The tab could not be opened")
def _open_tab() -> None:
    """Choose the add-on's tab in the workspace's sidebar, where it is shown."""
    for window in bpy.context.window_manager.windows:
        if window.workspace.name != NAME:
            continue
        for area in window.screen.areas:
            for region in area.regions:
                if area.type == "VIEW_3D" and region.type == "UI" and region.active_panel_category != "UNSUPPORTED":
                    region.active_panel_category = SidebarPanel.bl_category
                    region.tag_redraw()


def _look_through_camera(workspace: bpy.types.WorkSpace) -> None:
    """Turn its view to the scene's camera: a file without that camera cannot say so."""
    for screen in workspace.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"


@entry_point("The menu's entry could not be drawn")
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
