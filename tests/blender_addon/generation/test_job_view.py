"""The panel's picture of a job is a pure function of what the thread said."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest

from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import JobState, Limits
from blender_addon.generation.job_events import (
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
from blender_addon.generation.job_view import JobView, Phase, after_event, duration

JOB = "0" * 32


def after(*events: Event, view: JobView | None = None) -> JobView:
    return reduce(after_event, events, view or JobView("shot", job_id=JOB))


def test_what_a_starting_server_says_is_shown_while_it_starts() -> None:
    view = after(ServerStarting(), ServerStarting("Downloading torch (2.1GiB)"), view=JobView("shot"))
    assert (view.line, view.stage) == ("Starting the local server", "Downloading torch (2.1GiB)")
    view = after(Connected("server", (), Limits()), ServerStarting(None), view=view)
    assert (view.phase, view.stage) == (Phase.CONNECTING, "")
    cancelling = JobView("shot", job_id=JOB, phase=Phase.CANCELLING)
    assert after(ServerStarting("more"), view=cancelling) == cancelling


def test_a_whole_job_reads_like_one() -> None:
    view = after(Sent(JOB, JobProgress(1, 4, "Sending")))
    assert (view.phase, view.factor, view.line) == (Phase.SENDING, 0.25, "Sending 25%")
    view = after(StateChanged(JOB, JobState.QUEUED), Stepped(JOB, JobProgress(0, 0, "", queue_place=2)), view=view)
    assert view.line == "Queued, 2 jobs before this one"
    view = after(
        StateChanged(JOB, JobState.RUNNING),
        Stepped(JOB, JobProgress(5, 16, "Filling", jpeg=b"jpeg", seconds_left=75.4)),
        view=view,
    )
    assert (view.line, view.stage, view.jpeg) == ("Step 5/16, 1 min 15 s left", "Filling", b"jpeg")
    view = after(Stepped(JOB, JobProgress(6, 16, "Filling")), view=view)
    assert view.jpeg == b"jpeg", "the last picture stays until there is a newer one"
    view = after(Received(JOB, JobProgress(10, 10, "Fetching")), Fetched(JOB, (Path("a"),)), view=view)
    assert view.phase is Phase.IMPORTING
    assert not view.phase.final


def test_a_stage_that_counts_itself_stands_in_the_bar() -> None:
    """A download: megabytes are no steps."""
    view = JobView("Depth of room.jpg", job_id=JOB, phase=Phase.RUNNING, done=34, total=99, seconds_left=12.0)
    assert replace(view, stage="Downloading 34 of 99 MB").line == "Downloading 34 of 99 MB, 12 s left"
    assert replace(view, stage="predicting").line == "Step 34/99, 12 s left"


def test_nothing_moves_a_job_that_has_ended() -> None:
    ended = after(Failed(JOB, "Broken."))
    assert after_event(ended, Stepped(JOB, JobProgress(1, 2, ""))) is ended
    assert ended.error == "Broken."


def test_another_jobs_events_are_not_this_ones() -> None:
    view = JobView("shot", job_id=JOB)
    assert after_event(view, Stopped("1" * 32)) is view


def test_cancelling_shows_no_steps_until_the_server_has_stopped() -> None:
    view = after(
        Stepped(JOB, JobProgress(3, 16, "", seconds_left=9.0)),
        StateChanged(JOB, JobState.RUNNING),
        view=JobView("shot", job_id=JOB, phase=Phase.CANCELLING),
    )
    assert view.phase is Phase.CANCELLING
    assert after_event(view, Stopped(JOB)).phase is Phase.CANCELLED


def test_a_server_that_is_away_is_said() -> None:
    running = after(Stepped(JOB, JobProgress(3, 16, "", seconds_left=9.0)))
    away = after_event(running, ConnectionChanged(False))
    assert away.line == "The server is away, waiting for it"
    assert after_event(away, ConnectionChanged(True)).line == running.line


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3900, "1 h 05 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_frames_that_are_rendered_and_read_are_counted() -> None:
    view = JobView("shot", phase=Phase.PREVIEW, done=3, total=16)
    assert view.line == "Preview 3/16"
    assert replace(view, stage="Frames, for scripts of shaker").line == "Frames, for scripts of shaker 3/16"
    assert JobView("depth", phase=Phase.READING, done=1, total=2).line == "Reading the pictures 1/2"
    assert JobView("depth", phase=Phase.READING).line == "Reading the pictures"
