"""A fetched clip becomes a take of its scene, shown in the sequencer, in the camera's view and in the compositor."""

from __future__ import annotations

from pathlib import Path

import bpy
import msgspec

from ..core.errors import TimelineError
from ..core.file_paths import file_name, is_of_another_system
from ..timeline.shown_take import show_take
from ..timeline.strip import place_strip
from ..timeline.take import Take
from ..timeline.take_camera import own_camera, remember_camera
from ..timeline.take_folders import RECORD, make_take, make_take_folder, new_take_folder, take_folder_path, take_number
from ..timeline.takes import blend_folder, highest_number, remember_take
from .answers import answer_folder
from .job_records import JobRecord, ShotTask
from .scene_job import scene_of


def with_folder_here(record: JobRecord) -> JobRecord:
    """The record of a job that is to be resumed, its result going into a folder that this computer has.

    That is the one that was made when the job was sent. A clip whose folder is not there, because the .blend was taken
    to another computer, goes into a folder beside the .blend.

    Args:
        record: Of this computer, or as another one, or another system, wrote it into the .blend.

    Raises:
        TimelineError: There is no place for the clip.
    """
    foreign = is_of_another_system(record.folder)
    if not isinstance(record.task, ShotTask):
        return msgspec.structs.replace(record, folder=str(answer_folder(record.job_id))) if foreign else record
    if not foreign and (Path(record.folder).is_dir() or not bpy.data.filepath):
        return record
    if not bpy.data.filepath:
        raise TimelineError(
            "The clip has no place on this computer",
            f"its folder was {record.folder}, as another system writes it",
            "Save the .blend file: the clip is then kept beside it.",
        )
    number = take_number(Path(file_name(record.folder)))
    folder = take_folder_path(blend_folder(), record.title, number)
    if number == 0 or (folder / RECORD).is_file():
        folder = new_take_folder(blend_folder(), record.title, max(number, highest_number(record.title)))
    else:
        make_take_folder(folder)
    return msgspec.structs.replace(record, folder=str(folder))


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
    if task.beside:
        place_strip(scene, take)
    else:
        show_take(scene, take, background=background, compositor=compositor)
    return take
