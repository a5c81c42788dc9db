"""Round-robin by client, told in the same way by every question that is asked of the queue."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from server.service.jobs.fair_queue import FairQueue, Waiting


def in_order(waiting: list[Waiting], served_last: list[str]) -> list[str]:
    queue = FairQueue()
    for owner in served_last:
        queue.note_started("", owner)
    queue.fill(waiting)
    return [job.job_id for jobs in queue.in_order().values() for job in jobs]


def test_one_client_with_many_jobs_does_not_hold_up_another() -> None:
    waiting = [Waiting(number, f"a{number}", "anna") for number in range(5)] + [Waiting(9, "b9", "bob")]
    assert in_order(waiting, served_last=["anna"])[:3] == ["b9", "a0", "a1"]
    assert in_order(waiting, served_last=["bob", "anna"]) == ["b9", "a0", "a1", "a2", "a3", "a4"]
    assert in_order(waiting, served_last=["anna", "bob"]) == ["a0", "b9", "a1", "a2", "a3", "a4"]


NAMES = ["anna", "bob", "cleo"]
owners = st.sampled_from(NAMES)
engines = st.sampled_from(["clip", "other", "draft"])


@given(st.lists(owners, max_size=30), st.permutations(NAMES))
def test_everybody_gets_one_turn_a_round_in_their_own_order(lanes: list[str], served: list[str]) -> None:
    waiting = [Waiting(number, str(number), owner) for number, owner in enumerate(lanes)]
    order = [int(job_id) for job_id in in_order(waiting, served)]
    assert sorted(order) == list(range(len(lanes)))
    for owner in set(lanes):
        own = [number for number in order if lanes[number] == owner]
        assert own == sorted(own)
    first_round = len(set(lanes))
    assert len({lanes[number] for number in order[:first_round]}) == first_round


@given(
    st.lists(st.tuples(owners, engines), max_size=40),
    st.lists(st.tuples(engines, owners), max_size=6),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_jobs_that_come_and_go_leave_the_queue_as_if_it_were_made_anew(
    asked: list[tuple[str, str]], served: list[tuple[str, str]], random: Random, most: int
) -> None:
    """However they came: places count who is before, and the first of each engine are those of the whole order."""
    jobs = [Waiting(number, f"job-{number}", owner, engine) for number, (owner, engine) in enumerate(asked)]
    queue, anew = FairQueue(), FairQueue()
    queue.lanes = anew.lanes = {"clip": "card", "other": "card", "draft": "light"}
    for engine, owner in served:
        queue.note_started(engine, owner)
        anew.note_started(engine, owner)
    for job in random.sample(jobs, len(jobs)):
        queue.add(job)
    gone = {job.job_id for job in jobs if random.random() < 0.4}
    for job_id in gone:
        queue.remove(job_id)
    anew.fill(job for job in jobs if job.job_id not in gone)
    order = {lane: list(found) for lane, found in anew.in_order().items()}
    assert {lane: list(found) for lane, found in queue.in_order().items()} == order
    assert dict(queue.places(job.job_id for job in jobs)) == {
        job: place for found in order.values() for place, job in enumerate(found)
    }
    assert {job.job_id for job in jobs if job.job_id in queue} == {job.job_id for job in jobs} - gone
    first = queue.first(most, lambda engine, owner: (engine, owner) == ("clip", "anna"))
    for lane, found in order.items():
        may = [job for job in found if (job.engine, job.owner) != ("clip", "anna")]
        assert first[lane] == [
            job for n, job in enumerate(may) if sum(one.engine == job.engine for one in may[:n]) < most
        ]
