"""Saying a message as operators do, from code that is none: in the status bar for some seconds, and in the Info log."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import StringProperty

from ..operator_result import OperatorResult


class Announce(bpy.types.Operator):
    """Say a message in the status bar"""

    bl_idname = "realcam.announce"
    bl_label = "RealCam"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    message: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Wait for the next event: Blender shows no report of an operator that Python called and that ended at once."""
        manager = context.window_manager
        self._timer = manager.event_timer_add(0.01, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Say it and end."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        self.cancel(context)
        self.report({"INFO"}, self.message)
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself, or it has said its message."""
        context.window_manager.event_timer_remove(self._timer)


def announce(message: str) -> None:
    """Say a message; without a window it goes nowhere."""
    if not bpy.app.background and bpy.context.window is not None:
        bpy.ops.realcam.announce("INVOKE_DEFAULT", message=message)


CLASSES = (Announce,)
