"""Ask the server on this computer what it can do as soon as a photo waits for its depth: the panel says it then."""

from __future__ import annotations

import bpy

from ...core.entry_points import entry_point
from ...core.errors import ServiceError
from ...generation.jobs import jobs
from ..preferences import server_settings

WAIT_SECONDS = 0.5
"""A photo whose depth lies beside it is imported in less."""


def ask_for_a_waiting_photo() -> None:
    """Ask soon, if a photo waits then, nobody has answered yet, and the server is on this computer."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_ask):
        bpy.app.timers.register(_ask, first_interval=WAIT_SECONDS)


def stop() -> None:
    """Ask no more; the add-on is being disabled."""
    if bpy.app.timers.is_registered(_ask):
        bpy.app.timers.unregister(_ask)


@entry_point("The server could not be asked for a photo that waits")
def _ask() -> None:
    photos = [scene.realcam.photo for scene in bpy.data.scenes]
    waiting = any(photo.waits and not photo.depth_path for photo in photos)
    if not waiting or jobs.connected or jobs.busy or jobs.connection_error:
        return
    try:
        here = server_settings().start_locally
    except ServiceError:
        # Said where the server is used; nothing was asked for yet.
        return
    if here:
        bpy.ops.realcam.connect()
