"""The one job that this Blender has under way, and the thread that carries it out. Main thread only; no bpy.

The state changes when `pump` is called: by a timer in the window, by a loop on the command line and in tests.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ..core.errors import RealCamError, ServiceError
from ..core.payloads.payload import JobPayload
from ..core.progress import JobProgress
from ..core.protocol.capability import EngineCapability, EngineKind
from ..core.protocol.messages import Limits
from ..core.unforeseen import in_words
from ..timeline.take_folders import discard_take_folder
from .job_events import Connect, Connected, Event, Failed, Fetched, ResumeJob, ServerSettings, ServerStarting, SubmitJob
from .job_records import DepthTask, JobRecord, JobRecords
from .job_thread import JobThread
from .job_view import JobView, Phase, after_event
from .local_server import LocalServer

EVENTS_A_PUMP = 64
"""How many events one call of `pump` takes in at most."""

ASSUMED_ENGINES = (
    EngineCapability(
        name="draft",
        label="Draft (geometry only)",
        description="What geometry alone can give, on any laptop",
        sizes=((512, 320), (320, 512), (256, 256), (512, 512), (768, 432), (1024, 576), (576, 1024)),
        frame_counts=(16, 1, 8, 24, 25, 32, 48, 64, 96, 128, 256),
        draft=True,
        reads_prompt=False,
    ),
)
"""What the panel offers until a server has said what it can do: the engine that every server has."""


class Jobs:
    """The state of generation.

    Attributes:
        view: The job under way or the last one; None before the first and after `dismiss`.
        record: The record of that job, None until it is submitted.
        engines: The server's engines that make clips, an assumption until a server has answered.
        predictors: The server's depth predictors.
        checkers: The server's camera checks.
        limits: What the server takes, an assumption until one has answered.
        server_software: What the connected server calls itself, "" when none has answered.
        connection_error: Why no server could be reached, "" for no error.
        starting: What a local server that is being started said last, "" when it said nothing; None when none is.
        waiting: Jobs of the same shot on other engines, which follow the one under way.
        ended_before: How those of the same shot ended that came before it.
    """

    def __init__(self) -> None:
        self.view: JobView | None = None
        self.record: JobRecord | None = None
        self.engines: tuple[EngineCapability, ...] = ASSUMED_ENGINES
        self.predictors: tuple[EngineCapability, ...] = ()
        self.checkers: tuple[EngineCapability, ...] = ()
        self.limits = Limits()
        self.server_software = ""
        self.connection_error = ""
        self.starting: str | None = None
        self.waiting: tuple[JobRecord, ...] = ()
        self.ended_before: tuple[JobView, ...] = ()
        self._thread: JobThread | None = None
        self._server: LocalServer | None = None
        self._records: JobRecords | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self.view is not None and not self.view.phase.final

    @property
    def connected(self) -> bool:
        """Whether a server has said what it can do."""
        return bool(self.server_software)

    def engine(self, name: str) -> EngineCapability | None:
        """What the server says of the engine with this name; None when it has none, as far as is known."""
        return next((engine for engine in self.engines if engine.name == name), None)

    # --- what the artist asks for ---------------------------------------------------------------------------------

    def check_idle(self, what: str) -> None:
        """Raise an error when a job is under way.

        Args:
            what: What cannot be done now, as the error's first part.

        Raises:
            ServiceError: A job is under way.
        """
        if self.busy:
            assert self.view is not None
            under_way = f"{self.view.title} is under way ({self.view.line})"
            raise ServiceError(what, under_way, "Wait until it is done, or cancel it.")

    def connect(self, settings: ServerSettings) -> None:
        """Ask the server what it can do; start it when it is on this machine and does not answer.

        Raises:
            ServiceError: A job is under way.
        """
        self.check_idle("The server cannot be asked now")
        self._use(settings).put(Connect())

    def begin(self, title: str, settings: ServerSettings, records: JobRecords, scene: int = 0) -> None:
        """Begin a job by connecting; the caller puts the payload together meanwhile, and then calls `submit`.

        Args:
            title: What the job is called.
            settings: Where the server is and how to start one.
            records: The folder that the job will be written down in.
            scene: session_uid of the job's scene.

        Raises:
            ServiceError: Another job is under way.
        """
        self.check_idle(f"{title} cannot be started now")
        thread = self._use(settings)
        self._records = records
        self.view = JobView(title, scene=scene)
        self.waiting, self.ended_before = (), ()
        self.record = None
        self.server_software = ""
        thread.put(Connect())

    def preparing(self, phase: Phase, progress: JobProgress) -> None:
        """Set the view's phase and progress while the payload is put together."""
        if self.view is not None:
            self.view = replace(self.view, phase=phase, done=progress.done, total=progress.total, stage=progress.stage)

    def submit(
        self, payload: JobPayload, record: JobRecord, beside: Sequence[tuple[JobPayload, JobRecord]] = ()
    ) -> None:
        """Write the job's record, then hand the payload to the thread.

        Args:
            payload: What is sent.
            record: The job's record.
            beside: The same of jobs that follow it, see `go_on`. They are kept on this disk from now on.

        Raises:
            ServiceError: A record cannot be written.
        """
        assert self._thread is not None
        assert self._records is not None
        assert self.view is not None
        for written in (record, *(other for _, other in beside)):
            self._records.write(written)
        self.waiting = tuple(other for _, other in beside)
        self.record = record
        self.view = replace(self.view, job_id=record.job_id, phase=Phase.SENDING, done=0, total=0, stage="")
        kept = self._records.pending_upload(record.job_id)
        others = tuple((other, self._records.pending_upload(waits.job_id)) for other, waits in beside)
        self._thread.put(SubmitJob(record.job_id, payload, record.title, Path(record.folder), kept, others))

    def resume(self, record: JobRecord, settings: ServerSettings, records: JobRecords, scene: int = 0) -> None:
        """Go on with a job of an earlier session, or with one whose connection broke.

        Args:
            record: The job's record.
            settings: Where the server is and how to start one.
            records: The folder that the record is in.
            scene: session_uid of the job's scene.

        Raises:
            ServiceError: Another job is under way.
        """
        self.check_idle(f"{record.title} cannot be resumed now")
        thread = self._use(settings)
        self.waiting, self.ended_before = (), ()
        self._records = records
        self.record = record
        self.view = JobView(record.title, job_id=record.job_id, scene=scene)
        kept = records.pending_upload(record.job_id)
        thread.put(ResumeJob(record.job_id, record.settings.engine, record.title, Path(record.folder), kept))

    def go_on(self, settings: ServerSettings, records: JobRecords, scene: int = 0) -> None:
        """Begin the first of the jobs that wait, the one before it having ended in whatever way.

        Raises:
            ServiceError: That one is still under way.
        """
        (first, *rest), ended = self.waiting, (*self.ended_before, *([self.view] if self.view else []))
        self.resume(first, settings, records, scene)
        self.waiting, self.ended_before = tuple(rest), ended

    def cancel(self) -> None:
        """Stop the job under way, or the wait for a server that starts. On the server it takes effect within a step."""
        if self._thread is not None and (self.busy or self.starting is not None):
            self._thread.cancel()
        self.starting = None
        if not self.busy or self.view is None:
            return
        handed_over = bool(self.view.job_id)
        self.view = replace(self.view, phase=Phase.CANCELLING if handed_over else Phase.CANCELLED, seconds_left=None)

    def fail(self, error: RealCamError) -> None:
        """End the job under way with an error of the main thread's own (preparing the payload, placing the result)."""
        if self.view is not None:
            self.view = replace(self.view, phase=Phase.FAILED, error=error.sentence, resumable=self.record is not None)

    def placed(self) -> None:
        """Mark the job as done, its result being where it belongs, and remove its record."""
        assert self.view is not None
        assert self.record is not None
        assert self._records is not None
        self._records.forget(self.record.job_id)
        self.view = replace(self.view, phase=Phase.DONE)

    def belongs_to(self, scene: int) -> None:
        """Set the session_uid of the job's scene; 0 for none of the open file."""
        if self.view is not None:
            self.view = replace(self.view, scene=scene)

    def view_in(self, scene: int) -> JobView | None:
        """What the scene with this session_uid shows: a job under way, whosever it is, or how its own one ended."""
        if self.view is None or (self.view.phase.final and self.view.scene not in (0, scene)):
            return None
        return self.view

    def dismiss(self) -> None:
        """Forget the last job's view and, where no server could be reached for it, that error too."""
        if self.busy or self.view is None:
            return
        if self.view.error == self.connection_error:
            self.connection_error = ""
        self.view, self.ended_before = None, ()

    # --- what moves it --------------------------------------------------------------------------------------------

    def pump(self, limit: int = EVENTS_A_PUMP) -> bool:
        """Take in the thread's events, at most `limit` of them.

        Returns:
            Whether anything changed.
        """
        if self._thread is None:
            return False
        changed = False
        for _ in range(limit):
            try:
                event = self._thread.events.get_nowait()
            except queue.Empty:
                break
            try:
                with in_words("The job stopped"):
                    self._take_in(event)
            except RealCamError as error:
                self.fail(error)
            changed = True
        if not changed and self.busy and not self._thread.alive:
            self._take_in(Failed("", "The job thread stopped. Blender's system console says why.", keep=True))
            changed = True
        return changed

    def close(self) -> None:
        """End the thread and the local server. Jobs on the server stay there, and their records stay too."""
        if self._thread is not None:
            self._thread.close()
            self._server = self._thread.server
            self._thread = None
        if self._server is not None:
            self._server.stop()
            self._server = None
        self.view = None
        self.record = None
        self.waiting, self.ended_before = (), ()
        self.engines, self.predictors, self.checkers = ASSUMED_ENGINES, (), ()
        self.server_software, self.connection_error, self.starting = "", "", None

    def _take_in(self, event: Event) -> None:
        self.starting = event.words if isinstance(event, ServerStarting) else None
        match event:
            case Connected(software=software, engines=engines, limits=limits):
                self.limits = limits
                self.engines, self.predictors, self.checkers = (
                    tuple(engine for engine in engines if engine.kind is kind)
                    for kind in (EngineKind.CLIP, EngineKind.DEPTH, EngineKind.CHECK)
                )
                self.server_software, self.connection_error = software, ""
            case Failed(job_id="", sentence=sentence):
                self.connection_error, self.server_software = sentence, ""
            case Fetched() if self.record is not None and isinstance(self.record.task, DepthTask):
                self._downloaded(self.record.settings.engine)
        if self.view is None or self.view.phase.final:
            return
        before = self.view.phase
        self.view = after_event(self.view, event)
        ended = before is not self.view.phase and self.view.phase.final
        if ended and not self.view.resumable and self.record is not None and self._records is not None:
            self._records.forget(self.record.job_id)
            discard_take_folder(Path(self.record.folder))

    def _downloaded(self, name: str) -> None:
        """Note that the weights of a predictor that has made a depth are on the server."""
        self.predictors = tuple(
            msgspec.structs.replace(one, predictor=msgspec.structs.replace(one.facts, downloaded=True))
            if one.name == name and one.facts is not None
            else one
            for one in self.predictors
        )

    def _use(self, settings: ServerSettings) -> JobThread:
        """The thread for these settings; one for other settings is closed."""
        if self._thread is not None and (self._thread.settings != settings or not self._thread.alive):
            self._thread.close()
            self._server = self._thread.server
            if self._server is not None and self._thread.settings.command != settings.command:
                self._server.stop()
                self._server = None
            self._thread, self.starting = None, None
        if self._thread is None:
            self._thread = JobThread(settings, self._server)
        return self._thread


jobs = Jobs()
"""The state of generation of this Blender."""
