"""Sentences in a narrow sidebar: Blender cuts a label off at the panel's edge, so they are wrapped by hand."""

from __future__ import annotations

import textwrap
from typing import Any

import blf
import bpy

_MARGIN = 64
"""Pixels at scale 1 that the tabs, a panel's borders, a box and the scroll bar take."""
_ICON = 20


def draw_sentence(layout: Any, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """A sentence as label lines as wide as the sidebar, the icon before the first."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(wrapped(context, text, _ICON if icon != "NONE" else 0)):
        column.label(text=line, icon=icon if index == 0 else ("BLANK1" if icon != "NONE" else "NONE"))


def wrapped(context: bpy.types.Context, text: str, taken: int = 0) -> list[str]:
    """The text in lines that fit the region, of whose width `taken` pixels at scale 1 are used otherwise."""
    scale = context.preferences.system.ui_scale
    blf.size(0, 11 * scale)
    letter = blf.dimensions(0, "the motorcycle and its depth 0123")[0] / 33 or 6.0 * scale
    width = max(120.0, context.region.width - (_MARGIN + taken) * scale) if context.region else 240.0
    return textwrap.wrap(text, max(16, int(width / letter))) or [""]
