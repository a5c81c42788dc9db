"""The panel that calibrates the photo's depth: what is known of it, and how well that fits, as it is typed."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ...core.depth.calibration.fit import DepthFit
from ...core.depth.calibration.fit_words import POOR, law_words, residual_words
from ...core.errors import PhotoError
from ...scene import PhotoScene
from ...scene.handmade.depth_calibration import is_guessed, is_laid_out
from ..lengths.length_fields import draw_length
from ..photo.active_photo import ImportedPhotoSubpanel, active_photo
from ..text_wrap import draw_wrapped
from .calibration_fields import calibration_of
from .calibration_fit import live_fit, told

_FEWEST = {"POINTS": 2, "GROUND": 3}

_residuals: list[str] = []
"""What stands behind each point of the list that is about to be drawn."""


class DepthPointList(bpy.types.UIList):
    """The points of known distance."""

    bl_idname = "REALCAM_UL_depth_points"

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: Any,
        _data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
        index: int,
    ) -> None:
        """Its number in the view, its distance in metres, and by how much the fit misses it."""
        row = layout.row(align=True)
        split = row.split(factor=0.7)
        left = split.row(align=True)
        left.label(text=f"{index + 1}")
        draw_length(left, item, "distance", "")
        split.label(text=_residuals[index] if index < len(_residuals) else "")
        row.operator("realcam.remove_depth_points", text="", icon="X", emboss=False).index = index


class CalibrationPanel(ImportedPhotoSubpanel, bpy.types.Panel):
    """Relative depth, or wrong metres, brought to metres."""

    bl_idname = "REALCAM_PT_calibration"
    bl_label = "Calibrate Depth"
    # It opens by itself where metres are a guess, as no panel of Blender's can: its heading is drawn here.
    bl_options: ClassVar[set[str]] = {"HIDE_HEADER"}

    def draw(self, context: bpy.types.Context) -> None:
        """What is known, the fit, and the button."""
        photo = active_photo(context)
        fields = calibration_of(photo.mesh)
        header, layout = self.layout.panel_prop(fields, "is_open")
        header.label(text=self.bl_label)
        if layout is None:
            return
        if is_laid_out(photo):
            draw_wrapped(
                layout, context, "The depth is laid out: its metres come from the camera's height there.", "INFO"
            )
            return
        if is_guessed(photo):
            draw_wrapped(layout, context, "The depth picture has no metres: these are a guess.", "INFO")
        layout.row(align=True).prop(fields, "way", expand=True)
        fit, error = _fit(photo, fields)
        {"POINTS": _points, "GROUND": _ground, "RANGE": _range}[fields.way](layout, fields, fit)
        _draw_fit(layout, context, fields, fit, error)
        layout.prop(fields, "follow")
        row = layout.row()
        row.scale_y = 1.3
        row.enabled = error == "" and (fit is not None or fields.way == "RANGE")
        row.operator("realcam.calibrate_depth", icon="CON_DISTLIMIT")
        if photo.record.law is not None:
            layout.operator("realcam.depth_as_imported", icon="LOOP_BACK")


def _fit(photo: PhotoScene, fields: Any) -> tuple[DepthFit | None, str]:
    """The fit as it stands, or what is wrong with it; neither while there is too little to fit."""
    given = len(fields.points if fields.way == "POINTS" else fields.floor)
    if fields.way == "RANGE" or given < _FEWEST[fields.way]:
        return None, ""
    try:
        return live_fit(photo), ""
    except PhotoError as error:
        return None, error.sentence


def _points(layout: Any, fields: Any, fit: DepthFit | None) -> None:
    _residuals[:] = [] if fit is None or fit.exact else _residual_labels(fit)
    if len(fields.points):
        layout.label(text="Distances:")
    rows = max(2, min(len(fields.points), 6))
    layout.template_list("REALCAM_UL_depth_points", "", fields, "points", fields, "point_index", rows=rows)
    row = layout.row(align=True)
    row.operator("realcam.pick_depth_points", icon="RESTRICT_SELECT_OFF").floor = False
    row.prop(fields, "show_points", text="", icon="HIDE_OFF" if fields.show_points else "HIDE_ON")
    _split(layout).prop(fields, "along", expand=True)


def _residual_labels(fit: DepthFit) -> list[str]:
    return [
        residual_words(float(residual)) if kept else f"{residual_words(float(residual))}, left out"
        for residual, kept in zip(fit.residuals, fit.kept, strict=True)
    ]


def _ground(layout: Any, fields: Any, _fit: DepthFit | None) -> None:
    count = len(fields.floor)
    row = layout.row(align=True)
    row.operator("realcam.pick_depth_points", text="Click the Floor", icon="RESTRICT_SELECT_OFF").floor = True
    row.operator("realcam.floor_of_selection", text="", icon="VERTEXSEL")
    row.prop(fields, "show_points", text="", icon="HIDE_OFF" if fields.show_points else "HIDE_ON")
    if count:
        row = layout.row(align=True)
        row.label(text=f"{count} floor point{'' if count == 1 else 's'}")
        row.operator("realcam.remove_depth_points", text="", icon="X").floor = True
    column = _split(layout)
    draw_length(column, fields, "camera_height", "Height (m)")
    row = column.row(heading="Horizon")
    row.prop(fields, "use_horizon", text="")
    sub = row.row()
    sub.active = fields.use_horizon
    sub.prop(fields, "horizon", text="")


def _range(layout: Any, fields: Any, _fit: DepthFit | None) -> None:
    column = _split(layout)
    draw_length(column, fields, "nearest")
    draw_length(column, fields, "farthest")
    column.prop(fields, "swapped")


def _split(layout: Any) -> Any:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def _draw_fit(layout: Any, context: bpy.types.Context, fields: Any, fit: DepthFit | None, error: str) -> None:
    _split(layout).prop(fields, "numbers")
    if error:
        draw_wrapped(layout, context, error, "ERROR")
        return
    if fit is None:
        return
    icon = "INFO" if fit.exact else "CHECKMARK" if fit.residual < POOR else "ERROR"
    first, limits = told(fit, fields.way)
    draw_wrapped(layout, context, first, icon)
    if limits:
        draw_wrapped(layout, context, limits)
    if fields.way == "GROUND":
        draw_wrapped(layout, context, "A wrong horizon leaves no residual: the blue line shall be at the photo's own.")
    draw_wrapped(layout, context, f"The depth is read as going with {law_words(fit.law)}.")


CLASSES = (DepthPointList, CalibrationPanel)
