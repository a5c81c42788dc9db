"""A whole job run to its end in one call, for the command line, the demo and tests: the panel's own code, in a loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..core.errors import RealCamError, ServiceError
from ..core.unforeseen import in_words
from ..timeline.take import Take
from .clip_import import import_clip
from .job_events import ServerSettings
from .job_records import JobRecord, JobRecords
from .job_run import Beside, Job, JobRun
from .job_view import JobView, Phase
from .jobs import Jobs
from .scene_job import forget_job, scene_of
from .shot_job import RenderedPreview, ShotJob, ShotRequest

T = TypeVar("T")

OnView = Callable[[JobView], None]

PAUSE = 0.005
"""Seconds between two looks at the job thread's events."""


@dataclass(frozen=True, eq=False)
class Finished(Generic[T]):
    """A job that was run to its end.

    Attributes:
        placed: What the result became.
        seconds: How long each phase took, by the phase's name as the panel shows it.
    """

    placed: T
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class FinishedShot:
    """A shot whose clip is on the timeline.

    Attributes:
        take: The take that was made of the clip.
        preview: The preview that was sent.
        seconds: How long each phase took, by the phase's name as the panel shows it.
        others: The takes of the other engines that the shot was sent to, or why there is none.
    """

    take: Take
    preview: RenderedPreview
    seconds: dict[str, float]
    others: tuple[Take | RealCamError, ...] = ()


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
    """Render the preview of a shot, have its clip made and put the take on the timeline; returns when it is there.

    Args:
        jobs: The state of generation; no other job may be under way.
        request: What the artist chose.
        server: Where the server is and how to start one.
        records: The folder that the job is written down in.
        background: Also show the take behind its camera.
        compositor: Also lay the take under the render in the compositor.
        on_view: See run_blocking.

    Raises:
        RealCamError: With the sentence that the panel would show; of the first engine, once the others are through.
    """
    job = ShotJob(request)

    def place(record: JobRecord) -> Take:
        return import_clip(record, background=background, compositor=compositor)

    clock = _Clock(on_view)
    try:
        finished = run_blocking(jobs, job, server, records, place, on_view, job.beside)
    except RealCamError:
        _finish_waiting(jobs, server, records, place, clock)
        raise
    assert job.preview is not None
    others = _finish_waiting(jobs, server, records, place, clock)
    return FinishedShot(finished.placed, job.preview, finished.seconds, others)


def run_blocking(
    jobs: Jobs,
    job: Job,
    server: ServerSettings,
    records: JobRecords,
    place: Callable[[JobRecord], T],
    on_view: OnView | None = None,
    beside: Beside = lambda *_: [],
) -> Finished[T]:
    """Send a job, follow it, fetch its result and place it.

    Args:
        jobs: The state of generation; no other job may be under way.
        job: What is sent.
        server: Where the server is and how to start one.
        records: The folder that the job is written down in.
        place: Puts what was fetched where it belongs.
        on_view: Called with the job's view whenever it has changed, for progress bars. If it raises, the job goes on
            on the server, and its record stays.
        beside: The jobs that wait for this one then, see Jobs.waiting.

    Raises:
        RealCamError: With the sentence that the panel would show.
    """
    clock = _Clock(on_view)
    run = JobRun(jobs, job, server, records, beside)
    try:
        while run.step():
            jobs.pump()
            clock.look(jobs.view)
            if jobs.view is not None and jobs.view.phase in (Phase.CONNECTING, Phase.STARTING_SERVER):
                time.sleep(PAUSE)
    finally:
        run.close()
    return Finished(_placed(jobs, job.title, place, clock), clock.seconds)


def _finish_waiting(
    jobs: Jobs, server: ServerSettings, records: JobRecords, place: Callable[[JobRecord], T], clock: _Clock
) -> tuple[T | RealCamError, ...]:
    """Follow the jobs that wait, one after another: what became of each, or why nothing did."""
    ended: list[T | RealCamError] = []
    while jobs.waiting:
        record = jobs.waiting[0]
        try:
            jobs.go_on(server, records, scene_of(record).session_uid)
            ended.append(_placed(jobs, record.title, place, clock))
        except RealCamError as error:
            ended.append(error)
    return tuple(ended)


def _placed(jobs: Jobs, title: str, place: Callable[[JobRecord], T], clock: _Clock) -> T:
    """What the result of the job under way became, once it is there.

    Raises:
        RealCamError: With the sentence that the panel would show.
    """
    record = _fetched(jobs, title, clock)
    try:
        with in_words(f"The {record.task.result} is here, but could not be placed"):
            placed = place(record)
    except RealCamError as error:
        jobs.fail(error)
        raise
    forget_job(record.job_id)
    jobs.placed()
    clock.look(jobs.view)
    return placed


class _Clock:
    """Measures how long the job has been in each phase."""

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
    """The record of the job, once its result files are on this machine.

    Raises:
        ServiceError: The job failed or was cancelled.
    """
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
