"""Add Its Background: what the engine filled in for a take, as meshes of the scene to paint on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy

from ...core.errors import PhotoError, TimelineError
from ...core.payloads.background import BACKGROUND_FILE, decode_background
from ...scene import PhotoScene, find_photo_scene
from ...scene.importing.background_layers import add_background
from ...timeline.take import Take
from ...timeline.takes import take_folder
from ..operator_result import OperatorResult
from .take_files import take_files
from .takes_list import TakeOperator, selected_take


class AddBackground(TakeOperator, bpy.types.Operator):
    """Put the background that the draft filled in for this take into the scene, as meshes with their textures"""

    bl_idname = "realcam.add_background"
    bl_label = "Add Its Background"
    bl_description = (
        "Put what the draft filled in behind and beside the photo into the scene, as meshes with their textures. What "
        "you paint on them (Texture Paint), or project onto them, is seen by the next preview as known"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the take's file and build the meshes."""
        take = selected_take(context.scene)
        assert take is not None
        photo, factor = _photo_of(context.scene, take)
        made = add_background(context.scene, photo, _layers(take), f"{take.label} background", factor)
        count = f"{len(made)} meshes stand" if len(made) > 1 else "1 mesh stands"
        self.report({"INFO"}, f"{count} behind the photo. What you paint on them is seen by the next preview")
        return {"FINISHED"}


def draw_background(layout: Any, take: Take) -> None:
    """Draw the button where the take has a background."""
    files = take_files(take)
    if files is not None and files.has_background:
        layout.operator("realcam.add_background", icon="IMAGE_BACKGROUND")


def _layers(take: Take) -> Any:
    path = Path(bpy.path.abspath(take_folder(take))) / BACKGROUND_FILE
    try:
        return decode_background(path.read_bytes())
    except OSError as error:
        raise TimelineError(
            f"{take.label} has no background",
            f"{path}: {error.strerror or error}",
            "Generate it with the draft engine's option Keep the background.",
        ) from error


def _photo_of(scene: bpy.types.Scene, take: Take) -> tuple[PhotoScene, float]:
    """The take's photo in the scene, and how many times as large it is as when the take was sent."""
    photo = find_photo_scene(scene, None if take.photo is None else take.photo.imported_at)
    if photo is None:
        raise PhotoError(
            "The take's photo is not in this scene",
            f"{take.label} was made of another one",
            "Open the scene that has it, or import it again and generate again.",
        )
    return photo, 1.0 if take.photo is None else photo.record.shot_scale / take.photo.scale


CLASSES = (AddBackground,)
