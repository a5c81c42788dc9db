"""A whole shot without a window: for the command line, the demo and tests. The panel's own code, in a loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import RealCamError, ServiceError
from ..timeline.take import Take
from .job_events import ServerSettings
from .job_records import JobRecords
from .job_view import JobView, Phase
from .jobs import Jobs
from .placing import place_clip
from .scene_job import forget_job
from .shot_run import RenderedPreview, ShotRequest, ShotRun

OnView = Callable[[JobView], None]

PAUSE = 0.005
"""Seconds between two looks at the job thread."""


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
    """Camera -> preview -> server -> clip -> take on the timeline. Returns when it is there.

    on_view: told the job's view whenever it has changed, for progress bars; raising out of it leaves the job running on
    the server, and its record. Raises RealCamError with the sentence that the panel would show.
    """
    clock = _Clock(on_view)
    run = ShotRun(jobs, request, server, records)
    try:
        while run.step():
            jobs.pump()
            clock.look(jobs.view)
            if jobs.view is not None and jobs.view.phase in (Phase.CONNECTING, Phase.STARTING_SERVER):
                time.sleep(PAUSE)
    finally:
        run.close()
    _wait_for_clip(jobs, clock)
    take = _place(jobs, background=background, compositor=compositor)
    clock.look(jobs.view)
    assert run.preview is not None
    return FinishedShot(take, run.preview, clock.seconds)


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


def _wait_for_clip(jobs: Jobs, clock: _Clock) -> None:
    while jobs.view is not None and not jobs.view.phase.final and jobs.view.phase is not Phase.PLACING:
        if not jobs.pump():
            time.sleep(PAUSE)
        clock.look(jobs.view)
    view = jobs.view
    if view is not None and view.phase.final and not view.resumable and jobs.record is not None:
        forget_job(jobs.record.job_id)
    if view is None or view.phase is Phase.CANCELLED:
        raise ServiceError("The shot was cancelled")
    if view.phase is Phase.FAILED:
        raise ServiceError(view.error)


def _place(jobs: Jobs, *, background: bool, compositor: bool) -> Take:
    assert jobs.record is not None
    try:
        take = place_clip(jobs.record, background=background, compositor=compositor)
    except RealCamError as error:
        jobs.fail(error)
        raise
    forget_job(jobs.record.job_id)
    jobs.placed()
    return take
