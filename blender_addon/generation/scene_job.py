"""The scene of a job, and its copy of the job's record, so that the .blend knows the job wherever it is opened."""

from __future__ import annotations

import bpy

from .job_records import JobRecord, decode, encode

SCENE_PROPERTY = "realcam_job"


def scene_of(name: str) -> bpy.types.Scene:
    """The scene of that name; the one in the window when it was renamed or removed since."""
    return bpy.data.scenes.get(name) or bpy.context.scene


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
