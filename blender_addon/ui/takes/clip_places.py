"""Where clips are shown beside the sequencer: the switches of the panel, which act when they are pressed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

import bpy

from ...core.errors import RealCamError
from ...scene import find_photo_scene
from ...timeline.background import camera_background
from ...timeline.render_switches import render_as_before, render_over_clip, renders_over_clip
from ...timeline.shown_take import show_in_camera, show_in_compositor, shown_takes
from ...timeline.strip import strip_hides_render
from ...timeline.take import Take
from ...timeline.take_camera import camera_of
from ..text_wrap import draw_wrapped

F12_ITEMS = (
    ("SCENE", "The Scene", "F12 renders what the scene's camera sees"),
    ("CLIP", "The Clip", "F12 renders the strips of the sequencer, so the clip (Output > Post Processing > Sequencer)"),
)


def background_switched(shot: Any, _context: bpy.types.Context) -> None:
    """Show the clips in their cameras' views, or take them away; called when the switch is pressed."""
    for take in _shown(shot.id_data):
        # A take whose files are gone is marked in the list; the switch stays for the next clip.
        with suppress(RealCamError):
            show_in_camera(shot.id_data, take, shot.show_in_background)


def compositor_switched(shot: Any, _context: bpy.types.Context) -> None:
    """Lay the clips under the render, with every switch that needs, or undo all of it; called when it is pressed."""
    scene = shot.id_data
    for take in _shown(scene):
        with suppress(RealCamError):
            show_in_compositor(scene, take, shot.show_in_compositor)
    if shot.show_in_compositor:
        render_over_clip(scene, _photo_mesh(scene))
    else:
        render_as_before(scene)


def f12_renders(shot: Any) -> int:
    """The index in F12_ITEMS of what F12 renders."""
    return int(strip_hides_render(shot.id_data))


def set_f12(shot: Any, index: int) -> None:
    """Make F12 render the scene or the clip."""
    shot.id_data.render.use_sequencer = index == 1


def draw_places(layout: Any, context: bpy.types.Context, take: Take) -> None:
    """Draw where the clip is shown and what F12 renders.

    Args:
        layout: Where it is drawn.
        context: For the scene and the region's width.
        take: The selected take.
    """
    scene = context.scene
    shot = scene.realcam
    row = layout.row(heading="Also show in", align=True)
    row.prop(shot, "show_in_background", text="Camera", toggle=True)
    row.prop(shot, "show_in_compositor", toggle=True)
    camera = camera_of(scene, take)
    background = camera_background(camera) if camera is not None else None
    if shot.show_in_background and background is not None:
        row = layout.row(align=True)
        row.prop(background, "display_depth", expand=True)
        row.prop(background, "alpha", text="Opacity", slider=True)
    row = layout.row(heading="F12 renders", align=True)
    row.prop(shot, "f12_renders", expand=True)
    if not shot.show_in_compositor:
        return
    if renders_over_clip(scene, _photo_mesh(scene)):
        draw_wrapped(layout, context, "F12 renders your objects over the clip.", "INFO")
    else:
        draw_wrapped(layout, context, "A switch of the render hides the clip under your objects.", "ERROR")
        layout.operator("realcam.render_over_clip", icon="RENDER_STILL")


class RenderOverClip(bpy.types.Operator):
    """Render your objects over the clip: film transparent, the photo's mesh a holdout, compositing on, strips off"""

    bl_idname = "realcam.render_over_clip"
    bl_label = "Set All Switches"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set them."""
        render_over_clip(context.scene, _photo_mesh(context.scene))
        return {"FINISHED"}


def _photo_mesh(scene: bpy.types.Scene) -> bpy.types.Object | None:
    photo = find_photo_scene(scene)
    return None if photo is None else photo.mesh


def _shown(scene: bpy.types.Scene) -> tuple[Take, ...]:
    try:
        return shown_takes(scene)
    except RealCamError:
        return ()


CLASSES = (RenderOverClip,)
