"""The table of a job's states and transitions: pure functions.

UPLOADING -> QUEUED -> RUNNING -> FINALIZING -> DONE; a job can also end as FAILED or CANCELLED. Losing the worker puts
a job back to QUEUED until its attempts are used up. A cancel request is a flag, not a state.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from blender_addon.core.protocol.messages import JobState

MAX_ATTEMPTS = 3
"""Workers a job may lose before it is FAILED."""
MAX_STARTS = 20
"""Starts in all, after which a job is FAILED: one that takes the whole server down each time must end too."""


class Cause(enum.StrEnum):
    """What can happen to a job."""

    PAYLOAD_STORED = "shot-stored"
    PAYLOAD_REFUSED = "shot-refused"
    STARTED = "started"
    CLIP_MADE = "clip-made"
    RESULTS_STORED = "results-stored"
    ENGINE_FAILED = "engine-failed"
    ENGINE_STOPPED = "engine-stopped"
    WORKER_LOST = "worker-lost"
    SERVER_STOPPED = "server-stopped"
    CANCEL_REQUESTED = "cancel-requested"


@dataclass(frozen=True)
class JobLifecycle:
    """What decides where a job can go.

    Attributes:
        state: where the job is.
        attempt: how often it was started; fences off messages of earlier attempts.
        worker_crashes: how many workers it has lost.
        cancel_requested: whether the client asked to cancel it.
    """

    state: JobState
    attempt: int = 0
    worker_crashes: int = 0
    cancel_requested: bool = False


class ImpossibleTransitionError(Exception):
    """A cause that cannot happen to a job in this state: mostly a late message of an attempt that was given up."""


_RUNNING = (JobState.RUNNING, JobState.FINALIZING)
_PLAIN: dict[tuple[JobState, Cause], JobState] = {
    (JobState.UPLOADING, Cause.PAYLOAD_STORED): JobState.QUEUED,
    (JobState.UPLOADING, Cause.PAYLOAD_REFUSED): JobState.FAILED,
    (JobState.RUNNING, Cause.CLIP_MADE): JobState.FINALIZING,
    (JobState.FINALIZING, Cause.RESULTS_STORED): JobState.DONE,
    (JobState.RUNNING, Cause.ENGINE_FAILED): JobState.FAILED,
    (JobState.FINALIZING, Cause.ENGINE_FAILED): JobState.FAILED,
    (JobState.RUNNING, Cause.ENGINE_STOPPED): JobState.CANCELLED,
    (JobState.FINALIZING, Cause.ENGINE_STOPPED): JobState.CANCELLED,
    (JobState.UPLOADING, Cause.CANCEL_REQUESTED): JobState.CANCELLED,
    (JobState.QUEUED, Cause.CANCEL_REQUESTED): JobState.CANCELLED,
}


def after(lifecycle: JobLifecycle, cause: Cause) -> JobLifecycle:
    """The lifecycle of a job after `cause`.

    Raises:
        ImpossibleTransitionError: the cause cannot happen to a job in this state.
    """
    state, cancel = lifecycle.state, lifecycle.cancel_requested
    if (state, cause) in _PLAIN:
        return replace(
            lifecycle, state=_PLAIN[state, cause], cancel_requested=cancel or cause is Cause.CANCEL_REQUESTED
        )
    if cause is Cause.STARTED and state is JobState.QUEUED:
        return replace(lifecycle, state=JobState.RUNNING, attempt=lifecycle.attempt + 1)
    if cause is Cause.CANCEL_REQUESTED and state in _RUNNING:
        return replace(lifecycle, cancel_requested=True)
    if cause in (Cause.WORKER_LOST, Cause.SERVER_STOPPED) and state in _RUNNING:
        worker_crashes = lifecycle.worker_crashes + (cause is Cause.WORKER_LOST)
        spent = worker_crashes >= MAX_ATTEMPTS or lifecycle.attempt >= MAX_STARTS
        end = JobState.CANCELLED if cancel else JobState.FAILED if spent else JobState.QUEUED
        return replace(lifecycle, state=end, worker_crashes=worker_crashes)
    raise ImpossibleTransitionError(f"{cause} in {state}")
