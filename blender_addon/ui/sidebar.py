"""Where every panel of the add-on stands: the 3D view's sidebar, in a tab of its own."""

from __future__ import annotations


class SidebarPanel:
    """Mixed into a panel: its place."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "RealCam"
