"""The place of every panel of the add-on: a tab of its own in the 3D view's sidebar."""

from __future__ import annotations


class SidebarPanel:
    """Mixed into a panel, puts it into the add-on's tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "RealCam"
