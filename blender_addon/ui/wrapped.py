"""Sentences in a narrow sidebar: Blender cuts a label off at the panel's edge, so they are wrapped by hand."""

from __future__ import annotations

import textwrap
from typing import Any

import blf
import bpy

_MARGIN = 46
"""Pixels at scale 1 that a panel's borders, icon and scroll bar take."""


def draw_sentence(layout: Any, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """A sentence as label lines as wide as the sidebar, the icon before the first."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(wrapped(context, text)):
        column.label(text=line, icon=icon if index == 0 else ("BLANK1" if icon != "NONE" else "NONE"))


def wrapped(context: bpy.types.Context, text: str) -> list[str]:
    """The text in lines that fit the region."""
    scale = context.preferences.system.ui_scale
    blf.size(0, 11 * scale)
    letter = blf.dimensions(0, "the motorcycle and its depth 0123")[0] / 33 or 6.0 * scale
    width = max(120.0, context.region.width - _MARGIN * scale) if context.region else 240.0
    return textwrap.wrap(text, max(16, int(width / letter))) or [""]
