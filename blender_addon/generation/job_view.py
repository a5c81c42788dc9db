"""The job under way as the panel shows it: an immutable view, and the next one after each event. Pure functions."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.progress import JobProgress
from ..core.protocol.messages import JobState
from .job_events import (
    Connected,
    ConnectionChanged,
    Event,
    Failed,
    Fetched,
    Received,
    Sent,
    ServerStarting,
    StateChanged,
    Stepped,
    Stopped,
)


class Phase(enum.Enum):
    """What is happening to a job, from the artist's side. The value is what the panel calls it."""

    CONNECTING = "Connecting to the server"
    STARTING_SERVER = "Starting the local server"
    PREVIEW = "Rendering the preview"
    READING = "Reading the pictures"
    SENDING = "Sending"
    QUEUED = "Waiting in the queue"
    RUNNING = "Generating"
    FINALIZING = "Writing the result"
    FETCHING = "Fetching the result"
    IMPORTING = "Importing the result"
    DONE = "Done"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"
    FAILED = "Failed"

    @property
    def final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (Phase.DONE, Phase.CANCELLED, Phase.FAILED)


_PHASE_OF_STATE = {
    JobState.UPLOADING: Phase.SENDING,
    JobState.QUEUED: Phase.QUEUED,
    JobState.RUNNING: Phase.RUNNING,
    JobState.FINALIZING: Phase.FINALIZING,
    JobState.DONE: Phase.FETCHING,
    JobState.CANCELLED: Phase.CANCELLED,
    JobState.FAILED: Phase.FAILED,
}


@dataclass(frozen=True)
class JobView:
    """What the panel shows of a job.

    Attributes:
        title: What the job is called.
        job_id: "" until the payload is handed to the job thread.
        phase: What is happening to the job.
        done: How much of `total` is done, in the phase's own measure: frames of the preview, bytes sent or fetched,
            steps.
        total: 0 where there is no such measure.
        stage: What the engine says it is doing, "" for nothing.
        seconds_left: The engine's estimate, None when there is none.
        queue_place: How many jobs are before this one.
        jpeg: The engine's latest picture, encoded; empty when there is none.
        away: Whether the connection to the server is broken.
        error: What went wrong, "" for nothing.
        files: The fetched result files.
        resumable: Whether a failed job may still exist on the server.
        scene: session_uid of the scene that the job belongs to; 0 when that is in no scene of the open file.
    """

    title: str
    job_id: str = ""
    phase: Phase = Phase.CONNECTING
    done: int = 0
    total: int = 0
    stage: str = ""
    seconds_left: float | None = None
    queue_place: int = 0
    jpeg: bytes = b""
    away: bool = False
    error: str = ""
    files: tuple[Path, ...] = ()
    resumable: bool = False
    scene: int = 0

    @property
    def factor(self) -> float:
        """How much of the phase is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def line(self) -> str:
        """The state in a few words, for a progress bar."""
        if self.away and not self.phase.final:
            return "The server is away, waiting for it"
        match self.phase:
            case Phase.PREVIEW:
                return f"{self.stage or 'Preview'} {self.done}/{self.total}"
            case Phase.READING if self.total:
                return f"{self.phase.value} {self.done}/{self.total}"
            case Phase.SENDING | Phase.FETCHING if self.total:
                return f"{self.phase.value} {self.factor:.0%}"
            case Phase.QUEUED:
                waiting = {0: "next in line", 1: "1 job before this one"}
                return f"Queued, {waiting.get(self.queue_place, f'{self.queue_place} jobs before this one')}"
            case Phase.RUNNING if self.total:
                left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
                # A stage that counts itself, as "Downloading 34 of 99 MB" does.
                counted = f"{self.done} of {self.total}" in self.stage
                return f"{self.stage if counted else f'Step {self.done}/{self.total}'}{left}"
            case _:
                return str(self.phase.value)


def duration(seconds: float) -> str:
    """Seconds as text: "8 s", "3 min 20 s", "1 h 05 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def after_event(view: JobView, event: Event) -> JobView:
    """The view after an event. Events of another job, and any after a final phase, leave it as it is."""
    if view.phase.final or getattr(event, "job_id", view.job_id) not in ("", view.job_id):
        return view
    match event:
        case ServerStarting(words=words) if words is None or view.phase is Phase.CANCELLING:
            return view
        case ServerStarting(words=words):
            return replace(view, phase=Phase.STARTING_SERVER, stage=words or "")
        case Connected() if view.phase is Phase.STARTING_SERVER:
            return replace(view, phase=Phase.CONNECTING, stage="")
        case Connected():
            return view if view.job_id else replace(view, phase=Phase.CONNECTING)
        case ConnectionChanged(connected=connected):
            return replace(view, away=not connected)
        case Sent(progress=told):
            return replace(view, phase=Phase.SENDING, done=told.done, total=told.total)
        case StateChanged(state=state):
            return _in_state(view, state)
        case Stepped(progress=told) if view.phase is Phase.CANCELLING:
            return replace(view, jpeg=told.jpeg or view.jpeg)
        case Stepped(progress=told):
            return _stepped(view, told)
        case Received(progress=told):
            return replace(view, phase=Phase.FETCHING, done=told.done, total=told.total)
        case Fetched(files=files):
            return replace(view, phase=Phase.IMPORTING, files=files, done=0, total=0, seconds_left=None)
        case Stopped():
            return replace(view, phase=Phase.CANCELLED, seconds_left=None)
        case Failed(sentence=sentence, keep=keep):
            return replace(view, phase=Phase.FAILED, error=sentence, resumable=keep, seconds_left=None)


def _in_state(view: JobView, state: JobState) -> JobView:
    phase = _PHASE_OF_STATE.get(state, view.phase)
    if phase is view.phase or (view.phase is Phase.CANCELLING and not phase.final):
        return view
    return replace(view, phase=phase, done=0, total=0, stage="", seconds_left=None)


def _stepped(view: JobView, told: JobProgress) -> JobView:
    if told.queue_place or not told.total:
        return replace(view, queue_place=told.queue_place, stage=told.stage if told.stage != "queued" else "")
    return replace(
        view,
        phase=Phase.RUNNING,
        done=told.done,
        total=told.total,
        stage=told.stage,
        seconds_left=told.seconds_left,
        queue_place=0,
        jpeg=told.jpeg or view.jpeg,
    )
