"""Estimate a photo's depth, in the photo's panel."""

from __future__ import annotations

import bpy

from ..generation.jobs import jobs
from .depth_choice import chosen_predictor
from .of_photo import PhotoSubpanel
from .wrapped import draw_sentence


class DepthPanel(PhotoSubpanel, bpy.types.Panel):
    """Which predictor, under which licence, and the button."""

    bl_idname = "REALCAM_PT_depth"
    bl_label = "Estimate Depth"

    def draw(self, context: bpy.types.Context) -> None:
        """The licence stands above the button: it is read before the weights are downloaded."""
        layout = self.layout
        shot = context.scene.realcam
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(shot.photo, "photo_path")
        row = column.row(align=True)
        row.prop(shot, "predictor")
        row.operator("realcam.connect", text="", icon="LINKED" if jobs.connected else "UNLINKED")
        predictor = chosen_predictor(shot)
        if predictor is not None:
            draw_sentence(layout, context, f"{predictor.description}. Licence of the weights: {predictor.licence}.")
            if predictor.unavailable:
                draw_sentence(layout, context, f"Cannot run on this server: {predictor.unavailable}.", "ERROR")
        layout.operator("realcam.estimate_depth", icon="SHADERFX")


CLASSES = (DepthPanel,)
