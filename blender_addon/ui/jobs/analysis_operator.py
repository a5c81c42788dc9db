"""Buttons that have something analysed by the server: by the job thread in a window, else to the end at once."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.errors import RealCamError
from ...generation.blocking import run_blocking
from ...generation.job_records import JobRecord
from ...generation.job_run import Job, JobRun
from ...generation.jobs import jobs
from ...generation.scene_job import scene_of
from ...timeline.take import Take
from ..preferences import server_settings
from ..takes.takes_list import refresh_takes
from .job_operators import import_result
from .runtime import pump, redraw, runtime, start_timer

Result = set[str]

STEP_SECONDS = 0.05

_waiting: list[JobRun] = []
"""The job that waits for the server to answer, or is being put together: at most one."""


class AnalysisOperator:
    """Mixed into an operator that says which job."""

    def job(self, context: bpy.types.Context) -> Job:
        """What the panel asks for now. Raises RealCamError."""
        raise NotImplementedError

    def told(self, scene: bpy.types.Scene, take: Take | None) -> str:
        """What is said once it is placed in its scene."""
        raise NotImplementedError

    @classmethod
    def idle(cls: Any) -> bool:
        """For poll: one job at a time."""
        if jobs.busy:
            cls.poll_message_set("A job is under way: wait until it is done, or cancel it")
        return not jobs.busy

    def execute(self: Any, context: bpy.types.Context) -> Result:
        """Start; in background Blender the answer is placed before it returns."""
        try:
            job = self.job(context)
            if bpy.app.background:
                placed = _to_the_end(job)
                self.report({"INFO"}, self.told(scene_of(job.scene), placed))
                return {"FINISHED"}
            _waiting[:] = [JobRun(jobs, job, server_settings(), runtime.records())]
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        start_timer()
        bpy.app.timers.register(_step, persistent=True)
        return {"FINISHED"}


def _to_the_end(job: Job) -> Take | None:
    def place(record: JobRecord) -> Take | None:
        return import_result(record, scene_of(record.scene))

    placed = run_blocking(jobs, job, server_settings(), runtime.records(), place).placed
    refresh_takes(scene_of(job.scene), placed)
    return placed


def stop() -> None:
    """Send nothing any more: the add-on is being disabled."""
    for run in _waiting:
        run.close()
    _waiting.clear()
    if bpy.app.timers.is_registered(_step):
        bpy.app.timers.unregister(_step)


def _step() -> float | None:
    """Timer: until the job is handed to the job thread."""
    pump()
    more = bool(_waiting) and _waiting[0].step()
    redraw()
    if more:
        return STEP_SECONDS
    _waiting.clear()
    return None
