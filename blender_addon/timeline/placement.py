"""Putting a take where the artist wants to see it: one call for the strip, the background and the compositor."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from .background import remove_camera_background, set_camera_background
from .compositor import remove_compositor_overlay, set_compositor_overlay
from .strip import place_strip, remove_strips
from .take import Take
from .takes import remember_take


@dataclass(frozen=True)
class Places:
    """Where a take is shown."""

    strip: bool = True
    background: bool = False
    compositor: bool = False


def put_take(scene: bpy.types.Scene, take: Take, camera: bpy.types.Object | None, places: Places) -> None:
    """Remember a take, new or old, and show it at `places`; the shot's other takes leave the places not chosen.

    camera: for the background; without one there is none. The caller pushes the undo step when no operator does.
    Raises TimelineError when the take's files are gone or no channel is free; the take is remembered all the same.
    """
    remember_take(scene, take)
    if places.strip:
        place_strip(scene, take)
    else:
        remove_strips(scene, take.shot)
    if camera is not None:
        if places.background:
            set_camera_background(camera, take)
        else:
            remove_camera_background(camera)
    if places.compositor:
        set_compositor_overlay(scene, take)
    else:
        remove_compositor_overlay(scene, take.shot)
