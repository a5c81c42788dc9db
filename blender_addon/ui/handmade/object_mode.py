"""Leaving Blender's modes for as long as a photo's mesh is rebuilt."""

from __future__ import annotations

import bpy


class OutsideModes:
    """A context in Object Mode; afterwards Blender is in Edit Mode again if it was, unless what was edited is hidden.

    Sculpt Mode and the paint modes are left for good: their own undo steps count a mesh's vertices.
    """

    def __init__(self, context: bpy.types.Context) -> None:
        self._mode = context.mode
        self._layer = context.view_layer

    def __enter__(self) -> None:
        if self._mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")

    def __exit__(self, *_error: object) -> None:
        active = self._layer.objects.active
        if self._mode.startswith("EDIT") and active is not None and active.visible_get(view_layer=self._layer):
            bpy.ops.object.mode_set(mode="EDIT")
