"""The state that lives as long as Blender runs: the jobs, and the timer that updates them and redraws the panel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import msgspec

from ...core.entry_points import entry_point
from ...core.errors import RealCamError, ServiceError
from ...core.file_paths import same_file
from ...core.unforeseen import in_words, logged
from ...generation.job_records import JobRecord, JobRecords
from ...generation.job_view import Phase
from ...generation.jobs import jobs
from ...generation.scene_job import forget_job, job_of, remember_job, scene_of
from ...generation.user_files import records_folder
from ...shot import remove_preview_scenes
from ...timeline.take_folders import discard_take_folder
from ..engine_options import option_properties
from ..preferences import server_settings
from ..preview_state import preview_state
from ..redraw import redraw
from ..redraw import stop as stop_redrawing
from ..takes.takes_list import refresh_takes
from ..takes.thumbnails import thumbnails

BUSY_SECONDS = 0.1


class Runtime:
    """The state of the add-on that belongs to no .blend.

    Attributes:
        pending: Records of jobs of the open file that an earlier session left under way.
        connecting: Whether the server was asked what it can do, outside a job, and has not answered.
    """

    def __init__(self) -> None:
        self.pending: tuple[JobRecord, ...] = ()
        self.connecting = False
        self._other_file_open = False
        self._dropped: list[JobRecord] = []

    def records(self) -> JobRecords:
        """The folder of job records."""
        return JobRecords(records_folder())

    def refresh_pending(self) -> None:
        """Find the jobs that the open file left under way: in our own records, and in the file itself."""
        found = {record.job_id: record for record in self.records().of_blend(bpy.data.filepath)}
        for scene in bpy.data.scenes:
            record = job_of(scene)
            if record is not None and bpy.data.filepath:
                found.setdefault(record.job_id, record)
        current = {record.job_id for record in (*jobs.waiting, *self._dropped)}
        if jobs.record is not None and jobs.busy:
            current.add(jobs.record.job_id)
        self.pending = tuple(record for job_id, record in found.items() if job_id not in current)

    def file_loaded(self) -> None:
        """Note that another file is open: messages of the last one go, and the job under way may not belong to it.

        A job that was not sent yet ends: its scene is gone.
        """
        if jobs.busy and jobs.record is None:
            jobs.cancel()
        jobs.dismiss()
        # Those that wait belong to the file that was open: it offers them when it is opened again.
        jobs.waiting = ()
        record = jobs.record
        # What is loaded is never the file that had no name when the job was started.
        other = record is not None and (not record.blend or not same_file(record.blend, bpy.data.filepath))
        self._other_file_open = jobs.busy and other
        if jobs.busy and record is not None:
            jobs.belongs_to(0 if other else scene_of(record).session_uid)
        self.refresh_pending()

    def file_saved(self) -> None:
        """Note that the file may have a new name: the job under way belongs to it under that name."""
        record = jobs.record
        if record is None or not jobs.busy or self._other_file_open or record.blend == bpy.data.filepath:
            return
        jobs.record, *waiting = (
            msgspec.structs.replace(one, blend=bpy.data.filepath) for one in (record, *jobs.waiting)
        )
        jobs.waiting = tuple(waiting)
        for one in (jobs.record, *waiting):
            self.records().write(one)

    def check_file_of(self, record: JobRecord) -> None:
        """Raise an error when a job's result belongs to another file than the one that is open.

        Raises:
            ServiceError: It does.
        """
        if self._other_file_open:
            raise ServiceError(
                f"The {record.task.result} is here, but another file is open",
                f"it belongs to {record.blend or 'a file that was not saved'}",
                f"Open that file: the {record.task.result} is offered there.",
            )

    def forget(self, record: JobRecord) -> None:
        """Remove a job's record, so that it is not offered any more."""
        if record in jobs.waiting:
            # The job thread may be writing its payload: its files go when the job under way has ended.
            jobs.waiting = tuple(one for one in jobs.waiting if one.job_id != record.job_id)
            self._dropped.append(record)
        else:
            self.records().forget(record.job_id)
            forget_job(record.job_id)
        self.refresh_pending()

    def forget_dropped(self) -> None:
        """Remove what is kept of jobs that were dropped while they waited. Only while no job is under way."""
        for record in self._dropped:
            self.records().forget(record.job_id)
            discard_take_folder(Path(record.folder))
        self._dropped = []


runtime = Runtime()


@entry_point("The panel could not be updated", lambda _error: BUSY_SECONDS)
def tick() -> float | None:
    """The timer: take in the job thread's events, place what is fetched, redraw.

    Returns:
        Seconds until the next call, None when nothing is left to do.
    """
    pump()
    view = jobs.view
    if view is not None and view.phase is Phase.IMPORTING:
        _place_in_window()
    begin_waiting()
    return BUSY_SECONDS if jobs.busy or runtime.connecting else None


def pump() -> None:
    """Take in the job thread's events, once."""
    engines = jobs.engines
    before = jobs.busy
    if not jobs.pump():
        return
    if jobs.connected or jobs.connection_error:
        runtime.connecting = False
    if jobs.engines is not engines:
        with logged("The engines' options could not be shown"):
            option_properties.offer(jobs.engines)
    if jobs.view is not None:
        with logged("The engine's picture could not be shown"):
            thumbnails.take_in(jobs.view.jpeg)
    if before and not jobs.busy:
        with logged("What waits to be resumed could not be read"):
            _job_ended()
    redraw()


def begin_waiting() -> None:
    """Begin the next job of the same shot on another engine, once the one before has ended in whatever way.

    Where it cannot be begun, what waits is offered to be resumed.
    """
    if jobs.busy:
        return
    runtime.forget_dropped()
    if not jobs.waiting:
        return
    record = jobs.waiting[0]
    scene = scene_of(record)
    try:
        with in_words(f"{record.title} could not be begun"):
            jobs.go_on(server_settings(), runtime.records(), scene.session_uid)
            remember_job(scene, record)
    except RealCamError as error:
        jobs.waiting = ()
        jobs.fail(error)
    runtime.refresh_pending()
    redraw()


def start_timer() -> None:
    """Have `tick` called until nothing is under way. Timers do not fire in background Blender: call `pump` there."""
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, persistent=True)


def _job_ended() -> None:
    """After a job was cancelled, failed or placed: offer what can be resumed, forget the rest in the file too."""
    if jobs.record is not None and jobs.view is not None and not jobs.view.resumable:
        forget_job(jobs.record.job_id)
    runtime.refresh_pending()


def _place_in_window() -> None:
    """Place through an operator with a window as context, so that it is one step of the undo history."""
    record = jobs.record
    assert record is not None
    try:
        with in_words(f"The {record.task.result} is here, but could not be placed"):
            window = bpy.context.window_manager.windows[0]
            with bpy.context.temp_override(window=window, screen=window.screen, area=window.screen.areas[0]):
                # An operator called from Python is a step of the undo history only when it is said.
                bpy.ops.realcam.import_clip("EXEC_DEFAULT", True)
    except RealCamError as error:
        jobs.fail(error)
    redraw()


@entry_point("What the file holds of RealCam could not be read")
def _file_loaded(_path: str) -> None:
    with logged("The preview's scene could not be removed"):
        remove_preview_scenes()
    preview_state.forget()
    with logged("The jobs of the file could not be read"):
        runtime.file_loaded()
    for scene in bpy.data.scenes:
        with logged("The scene's takes could not be read"):
            refresh_takes(scene)


@entry_point("The job could not be told where the file is")
def _file_saved(_path: str) -> None:
    runtime.file_saved()


@entry_point("The preview could not be tidied up after an undo")
def _undone(_scene: bpy.types.Scene) -> None:
    """After an undo or redo: a step made while a preview was rendered has brought the preview's scene back.

    A preview under way makes itself a new one. What kept a shot from being sent may be mended, so that message goes.
    """
    remove_preview_scenes()
    if jobs.view is not None and jobs.view.phase is Phase.FAILED and not jobs.view.job_id:
        jobs.dismiss()


@entry_point("What waits to be resumed could not be read")
def _look_once() -> None:
    runtime.refresh_pending()


def _handlers() -> tuple[tuple[list[Any], Callable[..., None]], ...]:
    """Each of Blender's lists of handlers that has one of ours, and ours."""
    lists = bpy.app.handlers
    return (
        (lists.load_post, _file_loaded),
        (lists.save_post, _file_saved),
        (lists.undo_post, _undone),
        (lists.redo_post, _undone),
    )


def register() -> None:
    """Watch for opened files and undo. They are looked at first when Blender lets an add-on see its data."""
    for handlers, ours in _handlers():
        handlers.append(bpy.app.handlers.persistent(ours))
    bpy.app.timers.register(_look_once, first_interval=0.0)


def unregister() -> None:
    """Stop the timers, the job thread and the local server."""
    stop_redrawing()
    for timer in (tick, _look_once):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    for handlers, ours in _handlers():
        handlers.remove(ours)
    jobs.close()
    runtime.pending, runtime.connecting = (), False
