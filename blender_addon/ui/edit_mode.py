"""What changes the photo's mesh as a whole must leave Edit Mode for a moment."""

from __future__ import annotations

import bpy


class LeftEditMode:
    """Out of Edit Mode inside, and back into it afterwards."""

    def __init__(self, context: bpy.types.Context) -> None:
        self._editing = context.mode == "EDIT_MESH"

    def __enter__(self) -> None:
        if self._editing:
            bpy.ops.object.mode_set(mode="OBJECT")

    def __exit__(self, *_error: object) -> None:
        if self._editing:
            bpy.ops.object.mode_set(mode="EDIT")
