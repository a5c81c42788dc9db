"""The life of a job: whatever happens, it ends once and its attempts only count up."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.protocol.messages import JobState
from server.service.jobs.job_states import (
    MAX_ATTEMPTS,
    MAX_STARTS,
    Cause,
    ImpossibleTransitionError,
    JobLifecycle,
    after,
)

causes = st.lists(st.sampled_from(Cause), max_size=120)


def _walk(all_causes: list[Cause]) -> list[JobLifecycle]:
    lifecycle = JobLifecycle(JobState.UPLOADING)
    path = [lifecycle]
    for cause in all_causes:
        try:
            lifecycle = after(lifecycle, cause)
        except ImpossibleTransitionError:
            continue
        path.append(lifecycle)
    return path


@given(causes)
def test_nothing_happens_after_the_end(all_causes: list[Cause]) -> None:
    finals = [lifecycle for lifecycle in _walk(all_causes) if lifecycle.state.final]
    assert len(finals) <= 1


@given(causes)
def test_attempts_and_worker_crashes_only_grow_and_are_bounded(all_causes: list[Cause]) -> None:
    path = _walk(all_causes)
    for before, later in pairwise(path):
        assert before.attempt <= later.attempt <= min(before.attempt + 1, MAX_STARTS)
        assert before.worker_crashes <= later.worker_crashes <= MAX_ATTEMPTS


@given(causes)
def test_a_requested_cancel_is_never_forgotten_nor_started(all_causes: list[Cause]) -> None:
    path = _walk(all_causes)
    for before, later in pairwise(path):
        if before.cancel_requested:
            assert later.cancel_requested
            assert later.state is not JobState.QUEUED


@given(causes)
def test_done_only_by_way_of_the_whole_line(all_causes: list[Cause]) -> None:
    states = [lifecycle.state for lifecycle in _walk(all_causes)]
    if states[-1] is JobState.DONE:
        line = [JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING, JobState.DONE]
        assert states[-3:] == line[-3:] or states[-1] is JobState.DONE
        assert set(line) <= set(states)


def test_three_lost_workers_are_the_end_and_a_stopped_server_is_not_counted() -> None:
    lifecycle = JobLifecycle(JobState.QUEUED)
    for _ in range(5):
        lifecycle = after(after(lifecycle, Cause.STARTED), Cause.SERVER_STOPPED)
    assert (lifecycle.state, lifecycle.attempt, lifecycle.worker_crashes) == (JobState.QUEUED, 5, 0)
    for _ in range(MAX_ATTEMPTS):
        lifecycle = after(after(lifecycle, Cause.STARTED), Cause.WORKER_LOST)
    assert lifecycle.state is JobState.FAILED


def test_a_job_that_takes_the_server_down_every_time_ends() -> None:
    lifecycle = JobLifecycle(JobState.QUEUED)
    while not lifecycle.state.final:
        lifecycle = after(after(lifecycle, Cause.STARTED), Cause.SERVER_STOPPED)
    assert (lifecycle.state, lifecycle.attempt) == (JobState.FAILED, MAX_STARTS)


@pytest.mark.parametrize("state", [JobState.UPLOADING, JobState.QUEUED, JobState.DONE, JobState.FAILED])
def test_late_news_of_a_given_up_attempt_changes_nothing(state: JobState) -> None:
    for cause in (Cause.CLIP_MADE, Cause.RESULTS_STORED, Cause.ENGINE_FAILED, Cause.ENGINE_STOPPED):
        with pytest.raises(ImpossibleTransitionError):
            after(JobLifecycle(state, attempt=1), cause)
