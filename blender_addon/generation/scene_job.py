"""The scene of a job, and its copy of the job's record, so that the .blend knows the job wherever it is opened."""

from __future__ import annotations

import bpy

from ..datablocks import Reference, in_session, named
from .job_records import JobRecord, decode, encode

SCENE_PROPERTY = "realcam_job"

_scenes_of_session: dict[str, int] = {}
"""session_uid of the scene of each job that was begun in this session, by the job's id."""


def scene_now(scene: Reference) -> bpy.types.Scene:
    """The scene referred to; the one in the window when it was removed since."""
    return in_session(bpy.data.scenes, scene.session_uid) or bpy.context.scene


def scene_of(record: JobRecord) -> bpy.types.Scene:
    """The scene of a job; the one in the window when it was removed since, or renamed in another session.

    The one that the job was begun in, in this session; else one that has a copy of the record, that of the record's
    name first; else the one of that name.
    """
    begun = in_session(bpy.data.scenes, _scenes_of_session.get(record.job_id, 0))
    same_name = named(bpy.data.scenes, record.scene, record.scene_library)
    copies = [
        scene for scene in bpy.data.scenes if (copy := job_of(scene)) is not None and copy.job_id == record.job_id
    ]
    if begun is None and same_name not in copies:
        begun = next(iter(copies), None)
    return begun or same_name or bpy.context.scene


def begun_in(scene: bpy.types.Scene, job_id: str) -> None:
    """Note that a job was begun in a scene: its result goes there, whatever the scene is called by then."""
    _scenes_of_session[job_id] = scene.session_uid


def remember_job(scene: bpy.types.Scene, record: JobRecord) -> None:
    """Write the record into the scene; it is saved with the .blend."""
    scene[SCENE_PROPERTY] = encode(record).decode("utf-8")


def job_of(scene: bpy.types.Scene) -> JobRecord | None:
    """The job record in the scene; None when it has none that can be read."""
    text = scene.get(SCENE_PROPERTY)
    return decode(text) if isinstance(text, str) else None


def forget_job(job_id: str) -> None:
    """Take a job's record out of every scene of the open file."""
    for scene in bpy.data.scenes:
        record = job_of(scene)
        if record is not None and record.job_id == job_id:
            del scene[SCENE_PROPERTY]
