"""A fetched clip becomes a take of its scene, shown in the sequencer, in the camera's view and in the compositor."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..timeline.shown_take import show_take
from ..timeline.take import Take
from ..timeline.take_camera import own_camera, remember_camera
from ..timeline.take_folders import make_take
from ..timeline.takes import blend_folder, remember_take
from .job_records import JobRecord, ShotTask
from .scene_job import scene_of


def import_clip(record: JobRecord, *, background: bool = False, compositor: bool = False) -> Take:
    """Make the take of a finished shot's files and show it in the job's scene.

    Args:
        record: The record of a shot's job. A scene that was renamed or removed since is replaced by the one in the
            window.
        background: Also show the take in its camera's view.
        compositor: Also lay the take under the render in the compositor.

    Raises:
        TimelineError: The clip's files are not whole, or there is no place for the take.
    """
    assert isinstance(record.task, ShotTask)
    task, scene = record.task, scene_of(record)
    take = make_take(
        Path(record.folder),
        blend_folder=blend_folder() if bpy.data.filepath else None,
        shot=record.title,
        placement=task.placement,
        camera=task.camera,
        camera_library=task.camera_library,
        job_id=record.job_id,
        photo=task.photo_state,
        last_image=task.last_image,
    )
    remember_take(scene, take)
    camera = own_camera(scene, take)
    if camera is not None:
        remember_camera(scene, take.job_id, camera)
    show_take(scene, take, background=background, compositor=compositor)
    return take
