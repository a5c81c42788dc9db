"""Placed geometry and the mesh's shape as depth, in the photo's panel."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.editing.geometry_choice import stored_choice
from ...scene.handmade.block_out import is_blocking_out
from ..photo.active_photo import ImportedPhotoSubpanel, active_photo
from ..text_wrap import draw_wrapped


class HandmadePanel(ImportedPhotoSubpanel, bpy.types.Panel):
    """Depth from what the artist models: beside the photo, or on its mesh."""

    bl_idname = "REALCAM_PT_handmade"
    bl_label = "Geometry and Shape"
    # It opens by itself when blocking out begins, as no panel of Blender's can: its heading is drawn here.
    bl_options: ClassVar[set[str]] = {"HIDE_HEADER"}

    def draw(self, context: bpy.types.Context) -> None:
        """Blocking out and taking geometry; then taking the mesh's own shape."""
        header, layout = self.layout.panel_prop(context.scene.realcam, "shows_geometry")
        header.label(text=self.bl_label)
        if layout is None:
            return
        photo = active_photo(context)
        blocking = is_blocking_out(photo)
        column = layout.column(align=True)
        column.operator("realcam.block_out", icon="MESH_CUBE", depress=blocking)
        column.operator("realcam.match_camera", icon="CAMERA_DATA")
        column.operator("realcam.depth_from_geometry", icon="VIEW_PERSPECTIVE")
        if stored_choice(photo) is not None:
            column.operator("realcam.update_geometry", icon="FILE_REFRESH")
        if blocking:
            draw_wrapped(layout, context, "Place boxes and planes on what the photo shows, then press My Geometry.")
            draw_wrapped(layout, context, "Does the photo look up or down? Tilt a camera alike, then Match a Camera.")
        layout.operator("realcam.take_shape", icon="SCULPTMODE_HLT")


CLASSES = (HandmadePanel,)
