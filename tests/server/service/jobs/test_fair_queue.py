"""Round-robin by client."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.service.jobs.fair_queue import Waiting, schedule


def in_order(waiting: list[Waiting], served_last: list[str]) -> list[str]:
    return [job.job_id for job in schedule(waiting, served_last)]


def test_one_client_with_many_jobs_does_not_hold_up_another() -> None:
    waiting = [Waiting(number, f"a{number}", "anna") for number in range(5)] + [Waiting(9, "b9", "bob")]
    assert in_order(waiting, served_last=["anna"])[:3] == ["b9", "a0", "a1"]
    assert in_order(waiting, served_last=["bob", "anna"]) == ["b9", "a0", "a1", "a2", "a3", "a4"]
    assert in_order(waiting, served_last=["anna", "bob"]) == ["a0", "b9", "a1", "a2", "a3", "a4"]


owners = st.sampled_from(["anna", "bob", "cleo"])


@given(st.lists(owners, max_size=30), st.permutations(["anna", "bob", "cleo"]))
def test_everybody_gets_one_turn_a_round_in_their_own_order(lanes: list[str], served: list[str]) -> None:
    waiting = [Waiting(number, str(number), owner) for number, owner in enumerate(lanes)]
    order = [int(job_id) for job_id in in_order(waiting, served)]
    assert sorted(order) == list(range(len(lanes)))
    for owner in set(lanes):
        own = [number for number in order if lanes[number] == owner]
        assert own == sorted(own)
    first_round = len(set(lanes))
    assert len({lanes[number] for number in order[:first_round]}) == first_round
