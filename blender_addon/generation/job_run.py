"""One job on its way from the scene to the job thread, in slices that a window's timer or a plain loop calls.

The same for clips, depth estimates and camera checks; a Job says how they differ. Between slices only references are
held, no Blender pointers.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

import bpy

from ..core.errors import RealCamError
from ..core.payloads.payload import JobPayload
from ..core.progress import JobProgress
from ..core.unforeseen import in_words, logged
from ..datablocks import Reference, library_of, named
from ..shot.check_shot import check_file_name
from ..timeline.take_camera import remember_camera
from ..timeline.take_folders import discard_take_folder
from .job_events import ServerSettings
from .job_records import JobRecord, JobRecords, ShotTask, Task
from .job_view import Phase
from .jobs import Jobs
from .scene_job import begun_in, remember_job, scene_now

P = TypeVar("P")

_ENDED = object()

Slices = Generator[JobProgress, None, P]
"""A generator that yields its progress before the first piece of work and after each, and returns what was made.
Closing it early removes what it made meanwhile.
"""


Beside = Callable[[JobPayload, JobRecord], Sequence[tuple[JobPayload, JobRecord]]]
"""The payloads and records of the jobs that follow one with this payload and this record."""


class Job(Protocol):
    """What is particular to one kind of job.

    Attributes:
        scene: The scene that the result belongs to.
    """

    scene: Reference

    @property
    def preparing(self) -> Phase:
        """The phase that the panel shows while the payload is put together."""
        ...

    @property
    def title(self) -> str:
        """What the panel calls the job."""
        ...

    def folder(self, job_id: str) -> Path:
        """The folder that the results go into; also reads what takes little time. Called before a server is asked.

        Raises:
            RealCamError: Something that is to be sent is not there, or the folder cannot be made.
        """
        ...

    def engine(self, jobs: Jobs) -> str:
        """The name of the server's engine to use.

        Raises:
            RealCamError: The server has none that can do it.
        """
        ...

    def payload(self, engine: str) -> Slices[JobPayload]:
        """Puts the payload together in slices of the main thread's time, and returns it.

        Raises:
            RealCamError: The payload cannot be made.
        """
        ...

    def task(self) -> Task:
        """What the result will be needed for. Called once the payload is there."""
        ...


class JobRun:
    """One job being prepared and sent.

    Call `step` until it returns False, and `jobs.pump` meanwhile. Then the job thread has the job.
    """

    def __init__(
        self, jobs: Jobs, job: Job, server: ServerSettings, records: JobRecords, beside: Beside = lambda *_: []
    ) -> None:
        """Begin at once.

        Args:
            jobs: The state of generation.
            job: What is sent.
            server: Where the server is and how to start one.
            records: The folder that the job is written down in.
            beside: The jobs that follow this one.

        Raises:
            RealCamError: Another job is under way, the .blend has a path that no record can hold, or something to be
                sent is not there.
        """
        self._jobs = jobs
        self._job = job
        self._server = server
        self._beside = beside
        self._id = uuid.uuid4().hex
        self._submitted = False
        jobs.check_idle(f"{job.title} cannot be started now")
        check_file_name()
        self._folder = job.folder(self._id)
        scene = scene_now(job.scene)
        begun_in(scene, self._id)
        jobs.begin(job.title, server, records, scene.session_uid)
        self._slices = self._run()

    def step(self) -> bool:
        """Do one slice of work in the main thread.

        Returns:
            False when nothing is left to do here; the jobs' view says what became of the job.
        """
        more = False
        try:
            with in_words(f"{self._job.title} stopped"):
                more = next(self._slices, _ENDED) is not _ENDED
        except RealCamError as error:
            self._jobs.fail(error)
        if not more:
            with logged("What the job holds could not be dropped"):
                self.close()
        return more

    def close(self) -> None:
        """End early.

        What the payload's slices hold is dropped; the result folder is removed unless the job was sent or the folder
        holds something.
        """
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
        scene = scene_now(self._job.scene)
        record = JobRecord(
            job_id=self._id,
            server=str(self._server.address),
            title=self._job.title,
            blend=bpy.data.filepath,
            scene=scene.name,
            scene_library=library_of(scene),
            folder=str(self._folder),
            settings=payload.settings,
            submitted_at=time.time(),
            task=self._job.task(),
        )
        self._jobs.submit(payload, record, self._beside(payload, record))
        self._submitted = True
        if record.task.in_the_file:
            remember_job(scene, record)
        if isinstance(record.task, ShotTask):
            camera = named(bpy.data.objects, record.task.camera, record.task.camera_library)
            if camera is not None:
                remember_camera(scene, record.job_id, camera)
