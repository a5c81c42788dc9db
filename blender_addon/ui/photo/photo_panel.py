"""The photo's panel: what was imported, and the fields to import."""

from __future__ import annotations

from typing import Any

import bpy

from ...scene import PhotoScene, find_photo_scene
from ..sidebar import SidebarPanel
from ..text_wrap import draw_wrapped
from .import_fields import FIELDS, draw_fields


class PhotoPanel(SidebarPanel, bpy.types.Panel):
    """The photo and its depth as a mesh."""

    bl_idname = "REALCAM_PT_photo"
    bl_label = "Photo"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """What was imported; the fields to import (another)."""
        layout = self.layout
        shot = context.scene.realcam
        photo = find_photo_scene(context.scene)
        if photo is not None:
            _photo_facts(layout, context, photo, shot)
        # Two names, so that the fields fold away by themselves once there is a photo.
        name = "realcam_import" if photo is None else "realcam_import_another"
        header, body = layout.panel(name, default_closed=photo is not None)
        header.label(text="Import Another" if photo is not None else "Import")
        if body is not None:
            _import_fields(body, shot.photo)


def _photo_facts(layout: Any, context: bpy.types.Context, photo: PhotoScene, shot: Any) -> None:
    column = layout.column(align=True)
    column.label(text=photo.mesh.name, icon="IMAGE_DATA")
    width, height = photo.photo_size
    column.label(text=f"{width} × {height} px")
    facts = photo.facts
    draw_wrapped(layout, context, f"{photo.vertices:,} vertices" if facts is None else facts.words)
    draw_wrapped(layout, context, f"Focal length: {photo.focal_source}")
    layout.prop(shot, "depth_edge", slider=True)
    if abs(photo.depth_edge - shot.depth_edge) > 1e-6:
        draw_wrapped(
            layout, context, f"The mesh is cut at {photo.depth_edge:.3f}: leave Edit Mode, then set it.", "INFO"
        )


def _import_fields(layout: Any, fields: Any) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(fields, "photo_path")
    column.prop(fields, "depth_path")
    header, options = layout.panel("realcam_import_options", default_closed=True)
    header.label(text="Depth and Lens")
    if options is not None:
        options.use_property_split = True
        options.use_property_decorate = False
        draw_fields(options, fields)
    row = layout.row()
    # With the paths filled in there is nothing to ask; without, the operator opens the file browser.
    row.operator_context = "EXEC_DEFAULT" if fields.photo_path else "INVOKE_DEFAULT"
    button = row.operator(
        "realcam.import_photo", text="Import" if fields.photo_path else "Choose a Photo", icon="IMPORT"
    )
    button.filepath = fields.photo_path
    for name in FIELDS:
        setattr(button, name, getattr(fields, name))


CLASSES = (PhotoPanel,)
