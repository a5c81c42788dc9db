"""What operators and panels that belong to the scene's photo have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ...scene import PhotoScene, find_photo_scene
from ..sidebar import NeedsPhotoPanel, SidebarPanel


class PhotoSubpanel(SidebarPanel):
    """Mixed into a panel: inside the photo's, folded."""

    bl_parent_id = "REALCAM_PT_photo"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}


class ImportedPhotoSubpanel(NeedsPhotoPanel, PhotoSubpanel):
    """Mixed into a panel: the same, shown only when the scene has a photo."""


class ActivePhotoMixin:
    """Mixed into an operator: needs a photo, and says so."""

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        """Needs a photo."""
        if find_photo_scene(context.scene) is None:
            cls.poll_message_set("Import a photo first")
            return False
        return True


def active_photo(context: bpy.types.Context) -> PhotoScene:
    """The scene's photo, where `poll` has found that there is one."""
    photo = find_photo_scene(context.scene)
    assert photo is not None
    return photo


class LeftEditMode:
    """A context outside Edit Mode; afterwards Blender is in it again if it was."""

    def __init__(self, context: bpy.types.Context) -> None:
        self._editing = context.mode == "EDIT_MESH"

    def __enter__(self) -> None:
        if self._editing:
            bpy.ops.object.mode_set(mode="OBJECT")

    def __exit__(self, *_error: object) -> None:
        if self._editing:
            bpy.ops.object.mode_set(mode="EDIT")
