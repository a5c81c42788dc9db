"""The place of every panel of the add-on: a tab of its own in the 3D view's sidebar."""

from __future__ import annotations

import bpy

from ..scene import find_photo_scene


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
