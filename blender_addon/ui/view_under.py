"""The 3D view under the mouse, for tools that were started from its sidebar."""

from __future__ import annotations

import bpy


def view_under(area: bpy.types.Area, x: int, y: int) -> bpy.types.Region | None:
    """The area's 3D view region if the mouse is over it and over no bar or sidebar on it."""
    over = [
        region
        for region in area.regions
        if region.x <= x < region.x + region.width and region.y <= y < region.y + region.height
    ]
    return over[0] if len(over) == 1 and over[0].type == "WINDOW" else None
