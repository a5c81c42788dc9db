"""The table of sessions: latest-wins progress, and who is forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from blender_addon.core.protocol.framing import Frame
from blender_addon.core.protocol.messages import JobState, Progress, StateEvent
from server.service.requests.outbox import PROGRESS_A_TURN, Outbox
from server.service.requests.sessions import QUIET, Sessions
from server.service.requests.sockets import Delivery
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


def test_who_waits_is_told_a_place_once_and_again_when_it_is_another_or_the_job_comes_back() -> None:
    sessions = Sessions(3, JumpingClock())
    session = sessions.open(b"1", "anna", "tests")
    session.followed |= {JOB, "job-of-another-place"}

    def told(place: int) -> bool:
        session.progress.clear()
        sessions.note_places({JOB: _waiting(JOB, place), "job-nobody-follows": _waiting("job-nobody-follows", 1)})
        assert set(session.progress) <= {JOB}
        return JOB in session.progress

    assert [told(place) for place in (3, 3, 2, 2)] == [True, False, True, False]
    event = StateEvent(job_id=JOB, sequence=3, state=JobState.RUNNING, attempt=1, at=1.0)
    assert list(sessions.note_event(event)) == [session]
    assert told(2)


def test_a_turn_sends_so_many_places_and_the_next_turns_the_others() -> None:
    """However many jobs wait: telling all of them of a new place does not stop the loop."""
    sessions, sink = Sessions(9, JumpingClock()), _Sink()
    outbox, each = Outbox(sessions, sink, 9), PROGRESS_A_TURN // 2 + 10
    opened = [sessions.open(b"%d" % number, "anna", "tests") for number in range(4)]

    def fill(*numbers: int) -> None:
        for number in numbers:
            ids = [f"job-{number}-{n:06d}" for n in range(each)]
            opened[number].progress |= {job_id: (_waiting(job_id, 1), b"") for job_id in ids}

    fill(0, 1, 2, 3)
    outbox.flush()
    assert sink.sent.total() == PROGRESS_A_TURN
    assert set(sink.sent) == {b"0", b"1"}
    fill(0, 1)
    outbox.flush()
    assert set(sink.sent) == {b"0", b"1", b"2", b"3"}, "nobody waits for those before"
    for _ in range(3):
        outbox.flush()
    assert not any(session.progress for session in opened)


class _Sink:
    """Counts what is sent, by connection."""

    def __init__(self) -> None:
        self.sent = Counter[bytes]()

    def send(self, route: bytes, frames: Sequence[Frame]) -> Delivery:
        """Everything goes out."""
        self.sent[route] += 1
        return Delivery.SENT


def _waiting(job_id: str, place: int) -> Progress:
    return Progress(job_id=job_id, attempt=0, step=0, steps=0, stage="queued", queue_place=place)
