"""A whole job without a window: for the command line, the demo and tests. The panel's own code, in a loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..core.errors import RealCamError, ServiceError
from ..timeline.take import Take
from .clip_import import import_clip
from .job_events import ServerSettings
from .job_records import JobRecord, JobRecords
from .job_run import Job, JobRun
from .job_view import JobView, Phase
from .jobs import Jobs
from .scene_job import forget_job
from .shot_job import RenderedPreview, ShotJob, ShotRequest

T = TypeVar("T")

OnView = Callable[[JobView], None]

PAUSE = 0.005
"""Seconds between two looks at the job thread."""


@dataclass(frozen=True, eq=False)
class Finished(Generic[T]):
    """placed: what the result became. seconds: how long each phase took, by its name in words."""

    placed: T
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class FinishedShot:
    """take: on the timeline. preview: what was sent. seconds: how long each phase took, by its name in words."""

    take: Take
    preview: RenderedPreview
    seconds: dict[str, float]


def generate_blocking(
    jobs: Jobs,
    request: ShotRequest,
    server: ServerSettings,
    records: JobRecords,
    *,
    background: bool = False,
    compositor: bool = False,
    on_view: OnView | None = None,
) -> FinishedShot:
    """Camera -> preview -> server -> clip -> take on the timeline. Returns when it is there; see run_blocking."""
    job = ShotJob(request)

    def place(record: JobRecord) -> Take:
        return import_clip(record, background=background, compositor=compositor)

    finished = run_blocking(jobs, job, server, records, place, on_view)
    assert job.preview is not None
    return FinishedShot(finished.placed, job.preview, finished.seconds)


def run_blocking(
    jobs: Jobs,
    job: Job,
    server: ServerSettings,
    records: JobRecords,
    place: Callable[[JobRecord], T],
    on_view: OnView | None = None,
) -> Finished[T]:
    """Send a job, follow it, fetch its result and place it.

    Args:
        place: puts what was fetched where it belongs.
        on_view: told the job's view whenever it has changed, for progress bars; raising out of it leaves the job
            running on the server, and its record.

    Raises:
        RealCamError: with the sentence that the panel would show.
    """
    clock = _Clock(on_view)
    run = JobRun(jobs, job, server, records)
    try:
        while run.step():
            jobs.pump()
            clock.look(jobs.view)
            if jobs.view is not None and jobs.view.phase in (Phase.CONNECTING, Phase.STARTING_SERVER):
                time.sleep(PAUSE)
    finally:
        run.close()
    record = _fetched(jobs, job.title, clock)
    try:
        placed = place(record)
    except RealCamError as error:
        jobs.fail(error)
        raise
    forget_job(record.job_id)
    jobs.placed()
    clock.look(jobs.view)
    return Finished(placed, clock.seconds)


class _Clock:
    """How long the job has been in each phase."""

    def __init__(self, on_view: OnView | None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_view = on_view
        self._view: JobView | None = None
        self._since = time.monotonic()

    def look(self, view: JobView | None) -> None:
        if view is None or view is self._view:
            return
        now = time.monotonic()
        if self._view is not None:
            name = self._view.phase.value
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._view, self._since = view, now
        if self._on_view is not None:
            self._on_view(view)


def _fetched(jobs: Jobs, title: str, clock: _Clock) -> JobRecord:
    """The record of the job whose files are here now."""
    while jobs.view is not None and not jobs.view.phase.final and jobs.view.phase is not Phase.IMPORTING:
        if not jobs.pump():
            time.sleep(PAUSE)
        clock.look(jobs.view)
    view = jobs.view
    if view is not None and view.phase.final and not view.resumable and jobs.record is not None:
        forget_job(jobs.record.job_id)
    if view is None or view.phase is Phase.CANCELLED:
        raise ServiceError(f"{title} was cancelled")
    if view.phase is Phase.FAILED:
        raise ServiceError(view.error)
    assert jobs.record is not None
    return jobs.record
