"""Where the clip's size and frame count do not fit the shot: what is said of it, and buttons that mend it."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ...shot.check_shot import LOW_SHARE, SLIDE_SHOW, pictures_a_second, share_seen
from .. import clip_format
from ..operator_result import OperatorResult
from ..text_wrap import draw_wrapped


class FitRange(bpy.types.Operator):
    """End the shot's range after as many frames as the clip has. Keyframes stay where they are"""

    bl_idname = "realcam.fit_range"
    bl_label = "Fit the Range to the Clip"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Move the range's end."""
        clip_format.fit_range(context.scene.realcam)
        return {"FINISHED"}


class FitFrames(bpy.types.Operator):
    """Make the clip of the number of frames nearest the shot's range. More frames take longer"""

    bl_idname = "realcam.fit_frames"
    bl_label = "Fit the Clip to the Range"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Choose the frame count."""
        shot = context.scene.realcam
        frames = clip_format.fitting_frames(shot)
        if frames is None:
            self.report({"ERROR"}, "What the engine offers is not known yet. Connect to the server, then press again.")
            return {"CANCELLED"}
        shot.clip_frames = frames
        return {"FINISHED"}


class FitSize(bpy.types.Operator):
    """Let the clip have the size that fits the render best, and follow the render when its shape changes"""

    bl_idname = "realcam.fit_size"
    bl_label = "Fit the Clip to the Render"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Forget the chosen size."""
        for name in ("clip_width", "clip_height"):
            context.scene.realcam.property_unset(name)
        return {"FINISHED"}


def draw_size_fit(layout: Any, context: bpy.types.Context) -> None:
    """Draw a warning when much of the clip lies outside the render, and the size that fits better."""
    shot = context.scene.realcam
    size, fitting = clip_format.clip_size(shot), clip_format.fitting_size(shot)
    share = share_seen(context.scene, size)
    if share >= LOW_SHARE:
        return
    draw_wrapped(layout, context, f"Only {share:.0%} of the clip is seen in a render of this shape.", "ERROR")
    if fitting is not None and fitting != size:
        layout.operator("realcam.fit_size", text=f"Use {fitting[0]} × {fitting[1]}", icon="FULLSCREEN_ENTER")


def draw_frames_fit(layout: Any, context: bpy.types.Context) -> None:
    """Draw how many pictures a second the clip shows; below a few, a warning and two ways out."""
    scene, shot = context.scene, context.scene.realcam
    first, last = shot.frame_range()
    if last <= first:
        return
    frames = clip_format.clip_frames(shot)
    rate = pictures_a_second(scene, frames, first, last)
    slow = rate < SLIDE_SHOW
    draw_wrapped(layout, context, frames_sentence(frames, last - first + 1, rate), "ERROR" if slow else "NONE")
    if not slow:
        return
    column = layout.column(align=True)
    column.operator("realcam.fit_range", icon="TIME")
    fitting = clip_format.fitting_frames(shot)
    if fitting is not None and fitting != frames:
        column.operator("realcam.fit_frames", text=f"Make {fitting} Frames", icon="SEQ_STRIP_DUPLICATE")


def frames_sentence(frames: int, length: int, rate: float) -> str:
    """How a clip's pictures are spread over a shot, for example "16 pictures over 250 frames: 1.5 a second".

    Args:
        frames: Pictures of the clip.
        length: Frames of the shot's range.
        rate: Pictures a second.
    """
    return f"{frames} pictures over {length} frames: {float(f'{rate:.2g}'):g} a second"


CLASSES = (FitRange, FitFrames, FitSize)
