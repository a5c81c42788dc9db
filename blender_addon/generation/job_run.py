"""One job on its way from the scene to the job thread, in slices that a window's timer or a plain loop calls.

Clips, depth and camera checks alike: what differs is said by a Job. Between slices only names are held, no Blender
pointers.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

import bpy

from ..core.errors import RealCamError
from ..core.payloads.payload import JobPayload
from ..core.progress import JobProgress
from ..timeline.take_folders import discard_take_folder
from .job_events import ServerSettings
from .job_records import JobRecord, JobRecords, Task
from .job_view import Phase
from .jobs import Jobs
from .scene_job import remember_job

P = TypeVar("P")

Slices = Generator[JobProgress, None, P]
"""Yields how far it is before the first piece of work and after each; returns what was made. Closing it early tidies
up."""


class Job(Protocol):
    """What one kind of job knows. scene: a name."""

    scene: str

    @property
    def preparing(self) -> Phase:
        """What the panel says while the payload is put together."""
        ...

    @property
    def title(self) -> str:
        """What the panel calls the job."""
        ...

    def folder(self, job_id: str) -> Path:
        """Where the results go; also takes in what is quickly read. Before a server is asked. Raises RealCamError."""
        ...

    def engine(self, jobs: Jobs) -> str:
        """The one of the server's engines to be asked. Raises RealCamError when it has none that can do it."""
        ...

    def payload(self, engine: str) -> Slices[JobPayload]:
        """What is sent, put together in slices of the main thread's time. Raises RealCamError."""
        ...

    def task(self) -> Task:
        """What the result will be needed for; asked once the payload is there."""
        ...


class JobRun:
    """One job being sent: `step` until it returns False, pumping the jobs meanwhile; then the job thread has it."""

    def __init__(self, jobs: Jobs, job: Job, server: ServerSettings, records: JobRecords) -> None:
        """Begin at once. Raises RealCamError when another job is under way or something to be sent is not there."""
        self._jobs = jobs
        self._job = job
        self._server = server
        self._id = uuid.uuid4().hex
        self._submitted = False
        jobs.check_idle(f"{job.title} cannot be started now")
        self._folder = job.folder(self._id)
        jobs.begin(job.title, server, records)
        self._slices = self._run()

    def step(self) -> bool:
        """One slice of work for the main thread. False: nothing is left to do here, the jobs' view says what became
        of it."""
        try:
            next(self._slices)
        except StopIteration:
            self.close()
            return False
        except RealCamError as error:
            self._jobs.fail(error)
            self.close()
            return False
        return True

    def close(self) -> None:
        """End early: what the payload holds meanwhile goes, and the folder if nothing is in it."""
        self._slices.close()
        if not self._submitted:
            discard_take_folder(self._folder)

    def _run(self) -> Generator[None, None, None]:
        while not self._jobs.connected:
            if not self._jobs.busy:
                return
            yield
        engine = self._job.engine(self._jobs)
        with closing(self._job.payload(engine)) as slices:
            while self._jobs.busy:
                try:
                    progress = next(slices)
                except StopIteration as finished:
                    self._submit(finished.value)
                    return
                self._jobs.preparing(self._job.preparing, progress)
                yield

    def _submit(self, payload: JobPayload) -> None:
        record = JobRecord(
            job_id=self._id,
            server=str(self._server.address),
            title=self._job.title,
            blend=bpy.data.filepath,
            scene=self._job.scene,
            folder=str(self._folder),
            settings=payload.settings,
            submitted_at=time.time(),
            task=self._job.task(),
        )
        self._jobs.submit(payload, record)
        self._submitted = True
        if record.task.in_the_file:
            remember_job(bpy.data.scenes[record.scene], record)
