"""Copying the takes along after the file was saved in another folder."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, ClassVar

import bpy

from ...core.errors import RealCamError
from ...core.progress import JobProgress
from ...disk_looks import looks
from ...timeline.copy_takes import copied_takes, takes_elsewhere
from ...timeline.take import Take
from ..operator_result import OperatorResult
from ..text_wrap import draw_wrapped
from .take_files import take_folder_seen
from .takes_list import refresh_takes, selected_take

TICK_SECONDS = 0.02
WORK_SECONDS = 0.04
"""How long a tick copies before Blender has its turn."""


class CopyTakes(bpy.types.Operator):
    """Copy takes that lie beside an older place of this file into the folder beside it. The originals stay"""

    bl_idname = "realcam.copy_takes"
    bl_label = "Copy Takes Here"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with takes to copy."""
        if not _elsewhere(context.scene):
            cls.poll_message_set("The takes that there are lie beside this file")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """All at once in background Blender, else a while at each tick of a timer."""
        self._slices: Generator[JobProgress, None, tuple[Take, ...]] = copied_takes(context.scene)
        if bpy.app.background:
            while not (result := self._slice(context)):
                pass
            return result
        manager = context.window_manager
        self._timer = manager.event_timer_add(TICK_SECONDS, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Some files at a time; every key and click goes on to Blender."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        until, result = time.monotonic() + WORK_SECONDS, set[str]()
        while not result and time.monotonic() < until:
            result = self._slice(context)
        if not result:
            return {"PASS_THROUGH"}
        self._end(context)
        return result

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself: another file is opened, or it quits."""
        self._slices.close()
        self._end(context)

    def _slice(self, context: bpy.types.Context) -> OperatorResult:
        """Copy a file; empty while there are more."""
        try:
            progress = next(self._slices)
            if context.workspace is not None:
                text = f"Copying {progress.stage}, {progress.done + 1} of {progress.total}"
                context.workspace.status_text_set(text)
        except StopIteration as finished:
            if finished.value:
                labels = ", ".join(take.label for take in finished.value)
                self.report({"WARNING"}, f"Other takes have their numbers here, so these stay where they are: {labels}")
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
        else:
            return set()
        looks.forget()
        for scene in bpy.data.scenes:
            refresh_takes(scene, selected_take(scene))
        return {"FINISHED"}

    def _end(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)


def draw_takes_elsewhere(layout: Any, context: bpy.types.Context) -> None:
    """Draw where takes lie that are not beside the file, and the button that copies them; nothing without any."""
    takes = _elsewhere(context.scene)
    if not takes:
        return
    count = f"{len(takes)} takes lie" if len(takes) > 1 else "A take lies"
    draw_wrapped(layout, context, f"{count} where this file was before.", "INFO")
    layout.operator("realcam.copy_takes", icon="DUPLICATE")


def _elsewhere(scene: bpy.types.Scene) -> tuple[Take, ...]:
    try:
        return takes_elsewhere(scene, take_folder_seen)
    except RealCamError:
        # The list says that it cannot be read.
        return ()


CLASSES = (CopyTakes,)
