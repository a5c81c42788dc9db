"""How well the selected take follows its camera, below the list of takes."""

from __future__ import annotations

from typing import Any

import bpy

from ...camera_check.achieved_camera import check_of
from ...camera_check.checked_take import CheckedTake, angle_line, distance_line, format_length
from ...camera_check.error_picture import chart_tops, error_picture
from ...generation.jobs import jobs
from ...scene import find_photo_scene
from ..sidebar import SidebarPanel
from ..takes.takes_list import selected_take
from ..takes.thumbnails import draw_picture, thumbnails
from ..text_wrap import draw_reason, draw_wrapped
from .check_operator import why_not


class CheckPanel(SidebarPanel, bpy.types.Panel):
    """The button, and what the last check of the selected take found."""

    bl_idname = "REALCAM_PT_check"
    bl_label = "Camera Check"
    bl_parent_id = "REALCAM_PT_takes"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a take selected."""
        return selected_take(context.scene) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Findings first, then the numbers, then the curve."""
        layout = self.layout
        take = selected_take(context.scene)
        check = None if take is None else check_of(context.scene, take)
        reason = why_not(context.scene)
        if reason and not jobs.busy:
            draw_reason(layout, context, reason)
        layout.operator("realcam.check_camera", text="Check Again" if check else "Check Camera", icon="VIEW_CAMERA")
        if check is not None:
            _draw_check(layout, context, check)


def _draw_check(layout: Any, context: bpy.types.Context, check: CheckedTake) -> None:
    for finding in check.findings:
        draw_wrapped(layout, context, finding, "INFO")
    photo = find_photo_scene(context.scene, check.imported_at)
    scene_scale = check.scene_scale if photo is None else photo.record.shot_scale
    draw_picture(layout, thumbnails.of_pixels("check", hash(check), lambda: error_picture(check)))
    degrees, metres = chart_tops(check)
    top = format_length(metres * scene_scale / check.scene_scale)
    draw_wrapped(layout, context, f"Above, blue, 0 to {degrees:.2g}°. {angle_line(check)}.")
    draw_wrapped(layout, context, f"Below, orange, 0 to {top}. {distance_line(check, scene_scale)}.")
    lost = len(check.asked) - len(check.index)
    if lost:
        draw_wrapped(layout, context, f"In {lost} of {len(check.asked)} frames no camera was found.", "ERROR")
    frame = check.scene_frames[check.worst]
    row = layout.row(align=True)
    row.operator("realcam.go_to_frame", text=f"Worst Frame: {frame:.4g}", icon="TIME").frame = frame
    row.prop(context.scene.realcam, "show_check_paths", text="", icon="CURVE_PATH")


CLASSES = (CheckPanel,)
