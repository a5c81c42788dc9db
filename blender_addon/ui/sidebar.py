"""The place of every panel of the add-on: a tab of its own in the 3D view's sidebar."""

from __future__ import annotations

from functools import partial

import bpy

from ..core.entry_points import entry_point
from ..scene import find_photo_scene

DRAWN_AFTER = 0.2
"""Seconds after which a sidebar that was opened has its tabs."""


class SidebarPanel:
    """Mixed into a panel, puts it into the add-on's tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "RealCam"


class NeedsPhotoPanel(SidebarPanel):
    """Mixed into a panel: the same, shown only when the scene has a photo, since nothing in it can be used before."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether the scene has a photo."""
        return find_photo_scene(context.scene) is not None


def reveal_tab(window: bpy.types.Window | None) -> None:
    """Open the sidebar of a window's largest 3D view at the add-on's tab; without a window nothing is done."""
    views = [] if window is None else [area for area in window.screen.areas if area.type == "VIEW_3D"]
    if bpy.app.background or not views:
        return
    view = max(views, key=lambda area: area.width * area.height)
    view.spaces.active.show_region_ui = True
    bpy.app.timers.register(partial(_choose_tab, view.as_pointer()), first_interval=DRAWN_AFTER)


@entry_point("The tab could not be chosen")
def _choose_tab(view: int) -> None:
    """A timer: choose the tab, if the view is still there."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if area.as_pointer() == view and region.type == "UI" and region.active_panel_category != "UNSUPPORTED":
                    region.active_panel_category = SidebarPanel.bl_category
                    region.tag_redraw()
