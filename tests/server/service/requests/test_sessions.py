"""The table of sessions: latest-wins progress, and who is forgotten."""

from __future__ import annotations

from blender_addon.core.protocol.messages import Progress
from server.service.requests.sessions import QUIET, Sessions
from tests.support.systems.jumping_clock import JumpingClock

JOB = "job-00000001"


def _progress(step: int, attempt: int = 1) -> Progress:
    return Progress(job_id=JOB, attempt=attempt, step=step, steps=9, stage="x")


def test_a_slow_follower_gets_the_latest_step_and_the_latest_picture() -> None:
    sessions = Sessions(3, JumpingClock())
    session = sessions.open(b"1", "anna", "tests")
    session.followed.add(JOB)
    sessions.note_progress(_progress(1), b"first picture")
    sessions.note_progress(_progress(2), b"")
    assert session.progress[JOB] == (_progress(2), b"first picture")
    sessions.note_progress(_progress(3), b"second picture")
    assert session.progress[JOB] == (_progress(3), b"second picture")
    sessions.note_progress(_progress(1, attempt=2), b"")
    assert session.progress[JOB] == (_progress(1, attempt=2), b"")


def test_who_is_quiet_for_long_is_forgotten_and_others_stay() -> None:
    clock = JumpingClock()
    sessions = Sessions(3, clock)
    quiet, busy = sessions.open(b"1", "anna", "tests"), sessions.open(b"2", "bob", "tests")
    clock.seconds += QUIET
    sessions.note_active(busy)
    clock.seconds += 1
    sessions.drop_quiet()
    assert sessions.at(b"1") is None
    assert sessions.with_token(quiet.token) is None
    assert sessions.at(b"2") is busy


def test_a_second_hello_replaces_the_first_and_many_make_the_oldest_go() -> None:
    sessions = Sessions(3, JumpingClock())
    first = sessions.open(b"0", "anna", "tests")
    again = sessions.open(b"0", "anna", "tests")
    assert sessions.with_token(first.token) is None
    assert sessions.with_token(again.token) is again
    for number in range(1, 4):
        sessions.open(str(number).encode(), "anna", "tests")
    assert len(sessions) == 3
    assert sessions.with_token(again.token) is None


def test_who_opens_many_pushes_out_nobody_but_itself() -> None:
    sessions = Sessions(4, JumpingClock())
    quiet = sessions.open(b"anna", "anna", "tests")
    for number in range(50):
        sessions.open(b"bob %d" % number, "bob", "tests")
    assert sessions.with_token(quiet.token) is quiet
    assert len(sessions) == 4
