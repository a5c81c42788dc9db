"""Keeping order among takes: stars, the folder of one, deleting one with its files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import IntProperty

from ...camera_check.achieved_camera import remove_achieved_camera
from ...timeline.shown_take import stop_showing
from ...timeline.take import Take
from ...timeline.take_folders import delete_take_folder, files_size
from ...timeline.takes import change_take, folder_of_this_file, forget_take, take_folder
from ..operator_result import OperatorResult
from .take_item import readable_takes
from .takes_list import TakeOperator, refresh_takes, select_take, selected_take


class RateTake(TakeOperator, bpy.types.Operator):
    """Give the selected take this many stars; the same number again takes them away. They are kept with its files"""

    bl_idname = "realcam.rate_take"
    bl_label = "Rate Take"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    rating: IntProperty(name="Stars", description="Number of stars, 0 for none", default=1, min=0, max=5)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Write it down."""
        take = selected_take(context.scene)
        assert take is not None
        change_take(context.scene, take, rating=0 if take.rating == self.rating else self.rating)
        return {"FINISHED"}


class OpenTakeFolder(TakeOperator, bpy.types.Operator):
    """Open the selected take's folder in the system's file manager: the movie, its frames and what made them"""

    bl_idname = "realcam.open_take_folder"
    bl_label = "Open Folder"

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Let the system open it."""
        take = selected_take(context.scene)
        assert take is not None
        folder = Path(bpy.path.abspath(take_folder(take)))
        if bpy.app.background:
            self.report({"ERROR"}, f"There is no window to open it in: the folder is {folder}")
            return {"CANCELLED"}
        return set(bpy.ops.wm.path_open(filepath=str(folder)))


class DeleteTake(TakeOperator, bpy.types.Operator):
    """Delete the selected take with its files from the disk. This cannot be undone"""

    bl_idname = "realcam.delete_take"
    bl_label = "Delete Take and Files"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Ask first, saying what goes."""
        take = selected_take(context.scene)
        assert take is not None
        folder = folder_of_this_file(take)
        if folder is None:
            message = "Its files are not beside this .blend, and stay: it is taken off the list"
        else:
            message = f"{files_size(folder) / 1e6:.1f} MB are deleted from {take.folder}. This cannot be undone"
        asked = context.window_manager.invoke_confirm(
            self, event, title=f"Delete {take.label}?", message=message, confirm_text="Delete", icon="WARNING"
        )
        return set(asked)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take it out of every scene of the file, then delete its folder if it belongs to this file alone."""
        take = selected_take(context.scene)
        assert take is not None
        folder = folder_of_this_file(take)
        for scene in bpy.data.scenes:
            _take_out(scene, take)
        if folder is not None:
            delete_take_folder(folder)
        what = "is deleted" if folder is not None else "is off the list. Its files are not beside this file, and stay"
        self.report({"INFO"}, f"{take.label} {what}")
        return {"FINISHED"}


def _take_out(scene: bpy.types.Scene, take: Take) -> None:
    """Remove a take from a scene's list, its strips and its camera's view.

    Raises:
        TimelineError: A take that could be shown instead cannot be.
    """
    takes = readable_takes(scene)
    known = next((t for t in takes if (t.shot, t.number, t.folder) == (take.shot, take.number, take.folder)), None)
    if known is None:
        return
    shot = scene.realcam
    stop_showing(scene, known, background=shot.show_in_background, compositor=shot.show_in_compositor)
    forget_take(scene, known)
    remove_achieved_camera(scene, known.shot, known.number)
    place = takes.index(known)
    refresh_takes(scene)
    if left := readable_takes(scene):
        select_take(scene, left[min(place, len(left) - 1)])


CLASSES = (RateTake, OpenTakeFolder, DeleteTake)
