"""Which take of a shot is shown, and showing one: in the sequencer, in the camera's view and under the render."""

from __future__ import annotations

import bpy

from ..core.errors import TimelineError
from .background import remove_camera_background, set_camera_background
from .compositor import remove_compositor_overlay, set_compositor_overlay
from .strip import STRIP_PROPERTY, place_strip, remove_strips, set_aside_strips, shot_strips
from .take import Take
from .take_camera import camera_of
from .takes import take_folder, takes_of


def show_take(scene: bpy.types.Scene, take: Take, *, background: bool, compositor: bool) -> None:
    """Show a take in the sequencer and, by choice, in its camera's view and under the render.

    Args:
        scene: The scene whose sequencer and compositor show it.
        take: The take.
        background: Show it in its camera's view. False: take away what stands there, so that it does not go on showing
            an older take.
        compositor: The same for the compositor.

    Raises:
        TimelineError: The take's files are gone, or the sequencer has no free channel.
    """
    place_strip(scene, take)
    show_in_camera(scene, take, background)
    show_in_compositor(scene, take, compositor)


def show_in_camera(scene: bpy.types.Scene, take: Take, shown: bool) -> None:
    """Show a take in its camera's view, or take away the clip that is shown there.

    Raises:
        TimelineError: The take's files are gone, or cannot be spread over the shot.
    """
    camera = camera_of(scene, take)
    if camera is None:
        return
    if shown:
        set_camera_background(camera, take)
    else:
        remove_camera_background(camera)


def show_in_compositor(scene: bpy.types.Scene, take: Take, shown: bool) -> None:
    """Lay a take under the scene's render, or take away the shot's clip from there.

    Raises:
        TimelineError: The take's files are gone, or cannot be spread over the shot.
    """
    if shown:
        set_compositor_overlay(scene, take)
    else:
        remove_compositor_overlay(scene, take.shot)


def shown_takes(scene: bpy.types.Scene) -> tuple[Take, ...]:
    """The take that each shot's strips show, in the order the takes were made.

    Raises:
        TimelineError: The scene's list of takes cannot be read.
    """
    takes = takes_of(scene)
    shown = {(shot, shown_number(scene, shot)) for shot in {take.shot for take in takes}}
    return tuple(take for take in takes if (take.shot, take.number) in shown)


def shown_number(scene: bpy.types.Scene, shot: str) -> int | None:
    """The number of the take that the shot's strips show; None when it has none."""
    strips = shot_strips(scene, shot)
    return int(strips[0][STRIP_PROPERTY]["take"]) if strips else None


def where_shown(scene: bpy.types.Scene, take: Take, *, background: bool) -> str:
    """A sentence that says where a take was just shown, and what became of strips that the artist had edited."""
    place = "in the camera's view and in the sequencer" if background else "in the sequencer"
    aside = set_aside_strips(scene, take.shot)
    kept = f". {_edited(len(aside))} of another frame range, kept but muted" if aside else ""
    return f"{take.label} is shown {place}{kept}"


def _edited(count: int) -> str:
    return "A strip that you edited is" if count == 1 else f"{count} strips that you edited are"


def stop_showing(scene: bpy.types.Scene, take: Take, *, background: bool, compositor: bool) -> None:
    """Show the newest other take of the same shot and range instead of this one, or none where there is no such take.

    Args:
        scene: The scene.
        take: The take that shall be shown no more.
        background: Whether clips are shown in their cameras' views.
        compositor: Whether clips are shown under the render.

    Raises:
        TimelineError: The scene's list of takes cannot be read.
    """
    if shown_number(scene, take.shot) == take.number:
        for other in reversed(takes_of(scene, take.shot)):
            same_range = (other.frames, other.frame_start, other.frame_end) == (
                take.frames,
                take.frame_start,
                take.frame_end,
            )
            if other.number != take.number and same_range and _has_files(other):
                show_take(scene, other, background=background, compositor=compositor)
                break
        else:
            show_in_camera(scene, take, shown=False)
            show_in_compositor(scene, take, shown=False)
    remove_strips(scene, take)


def _has_files(take: Take) -> bool:
    try:
        take_folder(take)
    except TimelineError:
        return False
    return True
