"""The base of operators that have the server analyse something: by the job thread in a window, else to the end."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.entry_points import entry_point
from ...core.errors import RealCamError
from ...generation.blocking import run_blocking
from ...generation.job_records import JobRecord
from ...generation.job_run import Job, JobRun
from ...generation.jobs import jobs
from ...generation.scene_job import scene_now, scene_of
from ...timeline.take import Take
from ..operator_result import OperatorResult
from ..preferences import server_settings
from ..redraw import redraw
from ..takes.takes_list import refresh_takes
from .job_operators import import_result
from .runtime import pump, runtime, start_timer

STEP_SECONDS = 0.05

_waiting: list[JobRun] = []
"""The job that waits for the server, or whose payload is being put together: at most one."""


class AnalysisOperator:
    """Mixed into an operator that says which job it starts."""

    def job(self, context: bpy.types.Context) -> Job:
        """The job that the panel's choices ask for now.

        Raises:
            RealCamError: They do not make one.
        """
        raise NotImplementedError

    def done_message(self, scene: bpy.types.Scene, take: Take | None) -> str:
        """The message shown once the result is in its scene."""
        raise NotImplementedError

    @classmethod
    def idle(cls: Any) -> bool:
        """Whether no job is under way, for poll."""
        if jobs.busy:
            cls.poll_message_set("A job is under way: wait until it is done, or cancel it")
        return not jobs.busy

    def execute(self: Any, context: bpy.types.Context) -> OperatorResult:
        """Start; in background Blender the answer is placed before it returns."""
        job = self.job(context)
        if bpy.app.background:
            placed = _to_the_end(job)
            self.report({"INFO"}, self.done_message(scene_now(job.scene), placed))
            return {"FINISHED"}
        _waiting[:] = [JobRun(jobs, job, server_settings(), runtime.records())]
        start_timer()
        bpy.app.timers.register(_step, persistent=True)
        return {"FINISHED"}


def _to_the_end(job: Job) -> Take | None:
    def place(record: JobRecord) -> Take | None:
        return import_result(record, scene_of(record))

    placed = run_blocking(jobs, job, server_settings(), runtime.records(), place).placed
    refresh_takes(scene_now(job.scene), placed)
    return placed


def stop() -> None:
    """Drop the job that was not sent yet; the add-on is being disabled."""
    for run in _waiting:
        run.close()
    _waiting.clear()
    if bpy.app.timers.is_registered(_step):
        bpy.app.timers.unregister(_step)


def _stopped(error: RealCamError) -> None:
    """The timer broke: the job ends, unless the job thread has it already."""
    if jobs.busy and jobs.record is None:
        jobs.fail(error)
    stop()
    runtime.refresh_pending()


@entry_point("The job stopped", _stopped)
def _step() -> float | None:
    """The timer that works on the job until the job thread has it."""
    pump()
    more = bool(_waiting) and _waiting[0].step()
    redraw()
    if more:
        return STEP_SECONDS
    _waiting.clear()
    return None
