"""Lens and scale of the photo's scene, in the photo's panel."""

from __future__ import annotations

import bpy

from .of_photo import ImportedPhotoSubpanel, the_photo
from .wrapped import draw_sentence


class ScalePanel(ImportedPhotoSubpanel, bpy.types.Panel):
    """The focal length, how large the scene is, and three ways to say it better."""

    bl_idname = "REALCAM_PT_scale"
    bl_label = "Lens and Scale"

    def draw(self, context: bpy.types.Context) -> None:
        """The present scale, and where a true distance can be taken."""
        layout = self.layout
        photo = the_photo(context)
        layout.operator("realcam.set_focal_length", icon="CAMERA_DATA")
        scale = photo.record.scale
        said = "As imported: " if scale == 1.0 else ""
        draw_sentence(layout, context, f"{said}1 m of the depth is {scale:.4g} m")
        layout.operator("realcam.pick_scale_points", icon="RESTRICT_SELECT_OFF")
        row = layout.row(align=True)
        row.operator("realcam.set_scale", text="Selected", icon="VERTEXSEL").source = "SELECTION"
        row.operator("realcam.set_scale", text="Ruler", icon="DRIVER_DISTANCE").source = "RULER"
        if scale != 1.0:
            layout.operator("realcam.reset_scale", icon="LOOP_BACK")


CLASSES = (ScalePanel,)
