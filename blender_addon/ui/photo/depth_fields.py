"""What a depth file's numbers mean, as Blender shows it: the fields of core.depth.depth_format."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import EnumProperty, FloatProperty, StringProperty

from ...core.depth.depth_format import DEPTH_FIELDS, DEPTH_KINDS, DEPTH_UNITS, NEAR_ENDS, DepthFormat
from ..lengths.length_fields import draw_length

OF_THIS_PHOTO = {"SKIP_SAVE"}
"""Options of fields that an import by the menu or a drop does not take over from the photo before. The fields that say
how to build a mesh (its size, its cuts, the camera) are remembered.
"""
AUTOMATIC, CUSTOM = "auto", "custom"
"""Units beside those of DEPTH_UNITS."""
_UNITS = (
    (AUTOMATIC, "Automatic", "Millimetres for whole numbers, else metres; asked where the numbers look otherwise"),
    *((unit.name, unit.title, unit.description) for unit in DEPTH_UNITS.values()),
    (CUSTOM, "Custom", "Another number of metres in one unit of the file"),
)


def _shown(field_name: str, **more: Any) -> dict[str, Any]:
    field = DEPTH_FIELDS[field_name]
    return {"name": field.title, "description": field.description, "options": OF_THIS_PHOTO, **more}


def _unit_changed(fields: Any, _context: bpy.types.Context) -> None:
    """A number that was typed for another unit does not count any more."""
    if fields.depth_unit != CUSTOM and fields.depth_scale != 0:
        fields.depth_scale = 0.0


class DepthFields:
    """Mixed into an operator or a property group."""

    depth_channel: StringProperty(**_shown("channel"))
    depth_kind: EnumProperty(items=DEPTH_KINDS, default="depth", **_shown("kind"))
    depth_unit: EnumProperty(
        items=_UNITS,
        default=AUTOMATIC,
        update=_unit_changed,
        **_shown("scale", name="Unit", description="In which unit the file's numbers are"),
    )
    # A number beside the automatic unit counts: scripts and files of version 0.1 have no menu.
    depth_scale: FloatProperty(default=0.0, min=0.0, soft_max=1.0, precision=6, **_shown("scale"))
    disparity_focal: FloatProperty(default=1000.0, min=1.0, precision=3, **_shown("focal"))
    disparity_baseline: FloatProperty(default=0.1, min=1e-4, precision=6, **_shown("baseline", name="Baseline (m)"))
    disparity_offset: FloatProperty(default=0.0, precision=3, **_shown("doffs"))
    depth_near: EnumProperty(items=NEAR_ENDS, default="bright", **_shown("near"))
    depth_nearest: FloatProperty(
        default=1.0, min=0.01, soft_max=100.0, precision=2, **_shown("nearest", name="Nearest (m)")
    )
    depth_farthest: FloatProperty(
        default=10.0, min=0.01, soft_max=1000.0, precision=2, **_shown("farthest", name="Farthest (m)")
    )


def draw_depth_fields(layout: Any, fields: Any) -> None:
    """Draw what the chosen kind needs, and the channel."""
    column = layout.column()
    column.prop(fields, "depth_kind")
    if fields.depth_kind == "disparity":
        column.prop(fields, "disparity_focal")
        draw_length(column, fields, "disparity_baseline")
        column.prop(fields, "disparity_offset")
        column.prop(fields, "depth_scale", text="Pixels a Unit")
    elif fields.depth_kind == "relative":
        row = column.row(align=True)
        row.prop(fields, "depth_near", expand=True)
        draw_distances(column, fields)
    else:
        column.prop(fields, "depth_unit")
        if fields.depth_unit == CUSTOM or fields.depth_scale:
            column.prop(fields, "depth_scale")
    column.prop(fields, "depth_channel")


def draw_distances(layout: Any, fields: Any) -> None:
    """Draw the two distances of relative depth."""
    column = layout.column(align=True)
    draw_length(column, fields, "depth_nearest")
    draw_length(column, fields, "depth_farthest")


def depth_format(fields: Any) -> DepthFormat:
    """What the fields say of the file's numbers."""
    unit = DEPTH_UNITS.get(fields.depth_unit) if fields.depth_kind == "depth" else None
    return DepthFormat(
        kind=fields.depth_kind,
        scale=fields.depth_scale or None if unit is None else unit.scale,
        focal=fields.disparity_focal,
        baseline=fields.disparity_baseline,
        doffs=fields.disparity_offset,
        channel=fields.depth_channel.strip(),
        near=fields.depth_near,
        nearest=fields.depth_nearest,
        farthest=fields.depth_farthest,
        rotated=0 if unit is None else unit.rotated,
    )


def set_depth_format(fields: Any, chosen: DepthFormat) -> None:
    """Let the fields say this; a number that the format lacks stays as it is."""
    unit = _unit_of(chosen) if chosen.kind == "depth" else ""
    fields.depth_kind, fields.depth_near, fields.depth_channel = chosen.kind, chosen.near, chosen.channel
    fields.depth_unit = unit or (CUSTOM if chosen.scale else AUTOMATIC)
    fields.depth_scale = 0.0 if unit else chosen.scale or 0.0
    for name, value in (
        ("disparity_focal", chosen.focal),
        ("disparity_baseline", chosen.baseline),
        ("disparity_offset", chosen.doffs),
        ("depth_nearest", chosen.nearest),
        ("depth_farthest", chosen.farthest),
    ):
        if value:
            setattr(fields, name, value)


def format_words(chosen: DepthFormat) -> str:
    """What a file's numbers mean, in a few words."""
    if chosen.kind == "relative":
        return f"relative, near is {chosen.near}, {chosen.nearest:g} to {chosen.farthest:g} m"
    if chosen.kind == "disparity":
        return f"disparity, {chosen.focal:g} px, baseline {chosen.baseline:g} m"
    if chosen.scale is None:
        return "unit automatic"
    unit = _unit_of(chosen)
    return f"unit {DEPTH_UNITS[unit].title if unit else f'{chosen.scale:g} m'}"


def _unit_of(chosen: DepthFormat) -> str:
    """The name of a format's unit in DEPTH_UNITS, "" for another one."""
    # Blender keeps numbers in float32.
    return next(
        (
            unit.name
            for unit in DEPTH_UNITS.values()
            if chosen.scale and abs(chosen.scale / unit.scale - 1) < 1e-6 and chosen.rotated == unit.rotated
        ),
        "",
    )
