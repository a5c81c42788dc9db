"""The one shot that this Blender is making, and the thread that makes it. Main thread only; no bpy.

Everything moves when `pump` is called: by a timer in the window, by a loop on the command line and in tests.
"""

from __future__ import annotations

import queue
from dataclasses import replace
from pathlib import Path

from ..core.errors import RealCamError, ServiceError
from ..core.payloads.payload import JobPayload
from ..core.progress import JobProgress
from ..core.protocol.capability import EngineCapability, EngineKind
from ..timeline.take_folders import discard_take_folder
from .job_events import Connect, Connected, Event, Failed, ResumeJob, ServerSettings, SubmitJob
from .job_records import JobRecord, JobRecords
from .job_thread import JobThread
from .job_view import JobView, Phase, after_event
from .local_server import LocalServer

EVENTS_A_PUMP = 64

ASSUMED_ENGINES = (
    EngineCapability(
        name="draft",
        label="Draft (geometry only)",
        description="What geometry alone can give, on any laptop",
        sizes=((512, 320),),
        frame_counts=(16,),
        draft=True,
        reads_prompt=False,
    ),
)
"""What the panel offers until a server has said what it can do: the engine that every server has."""


class Jobs:
    """State of generation: `view` is the job under way or the last one, `record` what is written down of it."""

    def __init__(self) -> None:
        self.view: JobView | None = None
        self.record: JobRecord | None = None
        self.engines: tuple[EngineCapability, ...] = ASSUMED_ENGINES
        self.predictors: tuple[EngineCapability, ...] = ()
        self.checkers: tuple[EngineCapability, ...] = ()
        self.server_software = ""
        self.connection_error = ""
        self._thread: JobThread | None = None
        self._server: LocalServer | None = None
        self._records: JobRecords | None = None

    @property
    def busy(self) -> bool:
        """Whether a shot is under way."""
        return self.view is not None and not self.view.phase.final

    @property
    def connected(self) -> bool:
        """Whether a server has said what it can do."""
        return bool(self.server_software)

    def engine(self, name: str) -> EngineCapability | None:
        """What the engine can do, as far as is known."""
        return next((engine for engine in self.engines if engine.name == name), None)

    # --- what the artist asks for ---------------------------------------------------------------------------------

    def check_idle(self, what: str) -> None:
        """Raise ServiceError when a job is under way; `what` cannot be done now."""
        if self.busy:
            assert self.view is not None
            under_way = f"{self.view.title} is under way ({self.view.line})"
            raise ServiceError(what, under_way, "Wait until it is done, or cancel it.")

    def connect(self, settings: ServerSettings) -> None:
        """Ask the server what it can do; start it when it is on this machine and does not answer."""
        self.check_idle("The server cannot be asked now")
        self._use(settings).put(Connect())

    def begin(self, title: str, settings: ServerSettings, records: JobRecords) -> None:
        """Start a job: connects; the caller puts together meanwhile what is to be sent, and then submits it.

        Raises ServiceError when another job is under way.
        """
        self.check_idle(f"{title} cannot be started now")
        thread = self._use(settings)
        self._records = records
        self.view = JobView(title)
        self.record = None
        self.server_software = ""
        thread.put(Connect())

    def preparing(self, phase: Phase, progress: JobProgress) -> None:
        """Tell how far that is, and what the panel calls it."""
        if self.view is not None:
            self.view = replace(self.view, phase=phase, done=progress.done, total=progress.total)

    def submit(self, shot: JobPayload, record: JobRecord) -> None:
        """Write the job down, then hand it to the thread."""
        assert self._thread is not None
        assert self._records is not None
        assert self.view is not None
        self._records.write(record)
        self.record = record
        self.view = replace(self.view, job_id=record.job_id, phase=Phase.SENDING, done=0, total=0)
        kept = self._records.pending_upload(record.job_id)
        self._thread.put(SubmitJob(record.job_id, shot, record.title, Path(record.folder), kept))

    def resume(self, record: JobRecord, settings: ServerSettings, records: JobRecords) -> None:
        """Go on with a job of an earlier session, or with one whose line broke."""
        self.check_idle(f"{record.title} cannot be resumed now")
        thread = self._use(settings)
        self._records = records
        self.record = record
        self.view = JobView(record.title, job_id=record.job_id)
        kept = records.pending_upload(record.job_id)
        thread.put(ResumeJob(record.job_id, record.settings.engine, record.title, Path(record.folder), kept))

    def cancel(self) -> None:
        """Stop the shot under way. On the server it takes effect within a step."""
        if not self.busy or self.view is None:
            return
        if self._thread is not None:
            self._thread.cancel()
        handed_over = bool(self.view.job_id)
        self.view = replace(self.view, phase=Phase.CANCELLING if handed_over else Phase.CANCELLED, seconds_left=None)

    def fail(self, error: RealCamError) -> None:
        """End the shot under way with an error of the main thread's own (preview, placing)."""
        if self.view is not None:
            self.view = replace(self.view, phase=Phase.FAILED, error=error.sentence, resumable=self.record is not None)

    def placed(self) -> None:
        """The result is where it belongs: the job is over and its record can go."""
        assert self.view is not None
        assert self.record is not None
        assert self._records is not None
        self._records.forget(self.record.job_id)
        self.view = replace(self.view, phase=Phase.DONE)

    def dismiss(self) -> None:
        """Forget the last shot's view, so that its error no longer stands in the panel."""
        if not self.busy:
            self.view = None

    # --- what moves it --------------------------------------------------------------------------------------------

    def pump(self, limit: int = EVENTS_A_PUMP) -> bool:
        """Take in what the thread has said, at most `limit` events. Returns whether anything changed."""
        if self._thread is None:
            return False
        changed = False
        for _ in range(limit):
            try:
                event = self._thread.events.get_nowait()
            except queue.Empty:
                break
            self._take_in(event)
            changed = True
        if not changed and self.busy and not self._thread.alive:
            self._take_in(Failed("", "The job thread stopped. Blender's system console says why.", keep=True))
            changed = True
        return changed

    def close(self) -> None:
        """End the thread and the local server. Jobs on the server are kept there and in their records."""
        if self._thread is not None:
            self._thread.close()
            self._server = self._thread.server
            self._thread = None
        if self._server is not None:
            self._server.stop()
            self._server = None
        self.view = None
        self.record = None
        self.engines, self.predictors, self.checkers = ASSUMED_ENGINES, (), ()
        self.server_software, self.connection_error = "", ""

    def _take_in(self, event: Event) -> None:
        match event:
            case Connected(software=software, engines=engines):
                self.engines, self.predictors, self.checkers = (
                    tuple(engine for engine in engines if engine.kind is kind)
                    for kind in (EngineKind.CLIP, EngineKind.DEPTH, EngineKind.CHECK)
                )
                self.server_software, self.connection_error = software, ""
            case Failed(job_id="", sentence=sentence):
                self.connection_error, self.server_software = sentence, ""
        if self.view is None:
            return
        before = self.view.phase
        self.view = after_event(self.view, event)
        ended = before is not self.view.phase and self.view.phase.final
        if ended and not self.view.resumable and self.record is not None and self._records is not None:
            self._records.forget(self.record.job_id)
            discard_take_folder(Path(self.record.folder))

    def _use(self, settings: ServerSettings) -> JobThread:
        """The thread for these settings; an older one for another server is closed."""
        if self._thread is not None and (self._thread.settings != settings or not self._thread.alive):
            self._thread.close()
            self._server = self._thread.server
            if self._server is not None and self._thread.settings.command != settings.command:
                self._server.stop()
                self._server = None
            self._thread = None
        if self._thread is None:
            self._thread = JobThread(settings, self._server)
        return self._thread


jobs = Jobs()
"""This Blender's own."""
