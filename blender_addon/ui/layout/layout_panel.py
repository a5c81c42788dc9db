"""Ground and Walls in the sidebar: the fields of the photo's layout, and its list of walls and cut-outs."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ...core.depth.depth_facts import metres
from ...core.depth.layout.layout import DepthLayout
from ...scene import PhotoScene
from ...scene.editing.depth_layout import distances, has_other_depth
from ..lengths.length_fields import draw_length
from ..photo.active_photo import ImportedPhotoSubpanel
from ..text_wrap import draw_wrapped
from .layout_fields import current_layout, selected_part


class LayoutPanel(ImportedPhotoSubpanel, bpy.types.Panel):
    """The photo's ground, walls and cut-outs."""

    bl_idname = "REALCAM_PT_layout"
    bl_label = "Ground and Walls"
    # It opens by itself when a photo is laid out, as no panel of Blender's can: its heading is drawn here.
    bl_options: ClassVar[set[str]] = {"HIDE_HEADER"}

    def draw(self, context: bpy.types.Context) -> None:
        """Two buttons until the photo has a layout; then what it consists of."""
        fields = context.scene.realcam.layout
        header, layout = self.layout.panel_prop(fields, "is_open")
        header.label(text=self.bl_label)
        if layout is None:
            return
        found = current_layout(context.scene)
        if found is None:
            layout.operator("realcam.ground_and_walls", icon="MESH_GRID")
            _cut_out_buttons(layout)
        else:
            _draw_ground(layout, fields, *found)
            _cut_out_buttons(layout)
            _draw_parts(layout, fields, *found)
        row = layout.row(align=True)
        row.operator("realcam.ground_from_fspy", icon="CAMERA_DATA")
        row.operator("realcam.read_layout", text="", icon="FILEBROWSER")
        row.operator("realcam.save_layout", text="", icon="FILE_TICK")
        if fields.refused:
            draw_wrapped(layout, context, fields.refused, "ERROR")


def _cut_out_buttons(layout: Any) -> None:
    row = layout.row(align=True)
    row.operator("realcam.edit_layout", text="Cut Out", icon="SELECT_SET").mode = "CUT_OUT"
    row.operator("realcam.cut_out_mask", text="By a Mask", icon="IMAGE_DATA")


def _draw_ground(layout: Any, fields: Any, photo: PhotoScene, laid_out: DepthLayout) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    if laid_out.ground is None:
        column.operator("realcam.ground_and_walls", icon="MESH_GRID")
    else:
        column.operator("realcam.edit_layout", icon="GREASEPENCIL").mode = "GROUND"
        draw_length(column, fields, "camera_height", "Height (m)")
        row = column.column(align=True)
        row.prop(fields, "horizon_left")
        row.prop(fields, "horizon_right")
        draw_length(column, fields, "ceiling")
        draw_length(column, fields, "farthest")
    if has_other_depth(photo):
        column.prop(fields, "mixing")
        column.operator("realcam.remove_layout", icon="LOOP_BACK")


def _draw_parts(layout: Any, fields: Any, photo: PhotoScene, laid_out: DepthLayout) -> None:
    """A row for each wall and cut-out, and the fields of the one that is selected."""
    if not laid_out.walls and not laid_out.cut_outs:
        return
    column = layout.column(align=True)
    for index, wall in enumerate(laid_out.walls):
        _part_row(column, fields, "WALL", index, wall.name or f"Wall {index + 1}")
    for index, (cut_out, distance) in enumerate(zip(laid_out.cut_outs, distances(photo, laid_out), strict=True)):
        name = f"{cut_out.name or f'Cut-out {index + 1}'}, {metres(distance)} m"
        _part_row(column, fields, "CUT_OUT", index, name)
    if selected_part(fields, laid_out) is None:
        return
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(fields, "part_name")
    if fields.part == "CUT_OUT":
        column.operator("realcam.fit_cut_out", icon="SNAP_ON").index = fields.part_index
    if fields.part == "WALL":
        draw_length(column, fields, "wall_height", "Height (m)")
        return
    draw_length(column, fields, "distance")
    column.prop(fields, "turn")
    draw_length(column, fields, "stands_at")
    column.prop(fields, "lying")


def _part_row(column: Any, fields: Any, part: str, index: int, name: str) -> None:
    chosen = (fields.part, fields.part_index) == (part, index)
    row = column.row(align=True)
    icon = "MESH_PLANE" if part == "WALL" else "OUTLINER_OB_ARMATURE"
    select = row.operator("realcam.select_layout_part", text=name, translate=False, icon=icon, depress=chosen)
    select.part, select.index = part, index
    remove = row.operator("realcam.remove_layout_part", text="", icon="X")
    remove.part, remove.index = part, index


CLASSES = (LayoutPanel,)
