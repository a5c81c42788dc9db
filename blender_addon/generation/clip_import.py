"""A fetched clip becomes a take of its scene, shown in the sequencer, behind the camera and in the compositor."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..timeline.background import remove_camera_background, set_camera_background
from ..timeline.compositor import remove_compositor_overlay, set_compositor_overlay
from ..timeline.strip import place_strip
from ..timeline.take import Take
from ..timeline.take_folders import make_take
from ..timeline.takes import blend_folder, remember_take
from .job_records import JobRecord, ShotTask
from .scene_job import scene_of


def import_clip(record: JobRecord, *, background: bool = False, compositor: bool = False) -> Take:
    """Make the take of a finished shot's files and show it in the job's scene.

    Args:
        record: The record of a shot's job. A scene that was renamed or removed since is replaced by the one in the
            window.
        background: Also show the take behind its camera.
        compositor: Also lay the take under the render in the compositor.

    Raises:
        TimelineError: The clip's files are not whole, or there is no place for the take.
    """
    assert isinstance(record.task, ShotTask)
    task, scene = record.task, scene_of(record.scene)
    take = make_take(
        Path(record.folder),
        blend_folder=blend_folder() if bpy.data.filepath else None,
        shot=record.title,
        placement=task.placement,
        camera=task.camera,
        job_id=record.job_id,
        photo=task.photo_state,
        last_image=task.last_image,
    )
    remember_take(scene, take)
    show_take(scene, take, background=background, compositor=compositor)
    return take


def show_take(scene: bpy.types.Scene, take: Take, *, background: bool, compositor: bool) -> None:
    """Show a take in the sequencer and, by choice, behind its camera and under the render.

    Args:
        scene: The scene whose sequencer and compositor show it.
        take: The take.
        background: Show it behind its camera, or behind the scene's where its own is gone. False: take away what stands
            there, so that it does not go on showing an older take.
        compositor: The same for the compositor.

    Raises:
        TimelineError: The take's files are gone, or the sequencer has no free channel.
    """
    place_strip(scene, take)
    camera = bpy.data.objects.get(take.camera) or scene.camera
    if camera is not None and camera.type == "CAMERA":
        if background:
            set_camera_background(camera, take)
        else:
            remove_camera_background(camera)
    if compositor:
        set_compositor_overlay(scene, take)
    else:
        remove_compositor_overlay(scene, take.shot)
