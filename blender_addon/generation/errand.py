"""Errands: jobs of the server that make no clip. Something of the scene is sent, and the answer is built into it."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import bpy

from ..core.errors import RealCamError, ServiceError
from ..core.payloads.payload import Order
from ..core.payloads.shot import ShotSettings
from . import user_files
from .job_events import ServerSettings
from .job_records import JobRecord, JobRecords
from .job_view import Phase
from .jobs import Jobs

PAUSE = 0.005
ANSWERS = "answers"
"""Folder of answers that wait to be built into the scene, in the add-on's own one."""


class Errand(Protocol):
    """What one kind of errand knows. scene: a name. Names and files are held, never Blender pointers."""

    scene: str

    @property
    def title(self) -> str:
        """What the panel calls the job."""
        ...

    def read(self) -> None:
        """Take in what is quickly read, before a server is asked. Raises RealCamError."""
        ...

    def engine(self, jobs: Jobs) -> str:
        """The one of the server's engines to be asked. Raises ShotError when it has none that can do it."""
        ...

    def order(self, engine: str) -> Generator[None, None, Order]:
        """What is sent, put together in slices of the main thread's time. Raises RealCamError."""
        ...

    def note(self, record: JobRecord) -> JobRecord:
        """The record with what the answer will be needed for."""
        ...


class ErrandRun:
    """One errand being sent: `step` until it returns False, pumping the jobs meanwhile; then the job thread has it."""

    def __init__(self, jobs: Jobs, errand: Errand, server: ServerSettings, records: JobRecords) -> None:
        """Begin at once. Raises RealCamError when another job is under way or something to be sent is not there."""
        self._jobs = jobs
        self._errand = errand
        self._server = server
        jobs.check_idle(f"{errand.title} cannot be asked for now")
        errand.read()
        jobs.begin(errand.title, server, records)
        self._slices = self._run()

    def step(self) -> bool:
        """A slice of work. False: nothing is left to do here, the jobs' view says what became of it."""
        try:
            next(self._slices)
        except StopIteration:
            return False
        except RealCamError as error:
            self._jobs.fail(error)
            return False
        return True

    def _run(self) -> Generator[None, None, None]:
        while not self._jobs.connected:
            if not self._jobs.busy:
                return
            yield
        engine = self._errand.engine(self._jobs)
        order = yield from self._errand.order(engine)
        if self._jobs.busy:
            self._jobs.submit(order, self._errand.note(self._record(engine)))

    def _record(self, engine: str) -> JobRecord:
        job_id = uuid.uuid4().hex
        return JobRecord(
            job_id=job_id,
            server=str(self._server.address),
            title=self._errand.title,
            blend=bpy.data.filepath,
            scene=self._errand.scene,
            camera="",
            folder=str(user_files.user_folder() / ANSWERS / job_id),
            settings=ShotSettings(engine=engine),
            artist_width=0,
            artist_height=0,
            pixel_aspect=1.0,
            frame_start=0,
            frame_end=0,
            submitted_at=time.time(),
        )


def fetch_blocking(jobs: Jobs, errand: Errand, server: ServerSettings, records: JobRecords) -> JobRecord:
    """Send an errand and fetch its answer, in a loop without a window. Returns its record; the answer is not placed.

    Raises RealCamError with the panel's sentence.
    """
    run = ErrandRun(jobs, errand, server, records)
    while run.step():
        jobs.pump()
        time.sleep(PAUSE)
    while jobs.view is not None and not jobs.view.phase.final and jobs.view.phase is not Phase.PLACING:
        if not jobs.pump():
            time.sleep(PAUSE)
    view = jobs.view
    if view is None or view.phase is Phase.CANCELLED:
        raise ServiceError(f"{errand.title} was cancelled")
    if view.phase is Phase.FAILED:
        raise ServiceError(view.error)
    assert jobs.record is not None
    return jobs.record


def scene_of(name: str) -> bpy.types.Scene:
    """The scene of that name; the one in the window when it was renamed or removed since."""
    return bpy.data.scenes.get(name) or bpy.context.scene


def read_answer(record: JobRecord, name: str) -> bytes:
    """A file that was fetched. Raises ServiceError."""
    path = Path(record.folder) / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise ServiceError(
            "The server's answer cannot be read", f"{path}: {error.strerror}", "Ask for it again."
        ) from error


def discard_answer(record: JobRecord) -> None:
    """Remove what was fetched, once it is built in."""
    shutil.rmtree(record.folder, ignore_errors=True)
