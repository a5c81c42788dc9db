"""Which job starts on which worker: nothing waits that a free worker could run, and nobody waits for ever."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import ServiceError
from server.engines.engine import UNDECLARED, EngineNeeds
from server.engines.graphics_card import NvidiaCard
from server.service.jobs.fair_queue import FairQueue, Waiting
from server.service.workers.executor import WorkerPlace
from server.service.workers.picking import Picks, assigned
from server.service.workers.placing import lanes, takers, why_none, woken
from server.service.workers.worker_plan import planned_workers, workers_of_machine
from tests.support.properties import examples

GB = 2**30
SMALL, LARGE = NvidiaCard(24 * GB, 13, "0"), NvidiaCard(80 * GB, 13, "1")
DRAFT, DEPTH = EngineNeeds(), EngineNeeds(faster_on_card=True)
NETWORK = EngineNeeds(cards=1, card_memory=8 * GB, without_card="alone")
BIG = EngineNeeds(cards=1, card_memory=40 * GB, without_card="alone")
PAIR = EngineNeeds(cards=2, card_memory=20 * GB, without_card="never")
NEEDS = {
    "draft": DRAFT,
    "depth": DEPTH,
    "network": NETWORK,
    "other": NETWORK,
    "big": BIG,
    "pair": PAIR,
    "own": UNDECLARED,
}
PLANS = ("auto", "light,light,card0,card1", "light,card0+1", "any", "card0,card1", "light,heavy,card1", "light")


def places(words: str, *cards: NvidiaCard) -> list[WorkerPlace]:
    return list(planned_workers(words, cards))


def taken(engine: str, workers: list[WorkerPlace]) -> list[str]:
    return [place.name for place in takers(NEEDS[engine], workers)]


@pytest.mark.parametrize(
    ("words", "cards", "takers_of"),
    [
        ("auto", [], {"draft": ["light"], "depth": ["light"], "network": ["heavy"], "pair": [], "own": ["light"]}),
        (
            "auto",
            [LARGE, SMALL],
            {
                "draft": ["light"],
                "network": ["card0", "card1"],
                "big": ["card1"],
                "pair": [],
                "own": ["card0", "card1"],
            },
        ),
        ("light,card0+1", [SMALL, LARGE], {"network": ["card0+1"], "pair": ["card0+1"]}),
        ("any", [SMALL, LARGE], {engine: ["any"] for engine in NEEDS}),
        ("card0,card1", [SMALL, LARGE], {"draft": ["card0", "card1"], "network": ["card0", "card1"]}),
        ("light,light", [], {"draft": ["light", "light-2"], "network": []}),
        ("heavy", [], {"draft": ["heavy"], "network": ["heavy"]}),
    ],
    ids=["no card", "two cards", "two in one worker", "the one worker of before", "cards alone", "no network", "heavy"],
)
def test_what_each_worker_takes(words: str, cards: list[NvidiaCard], takers_of: dict[str, list[str]]) -> None:
    workers = places(words, *cards)
    assert {engine: taken(engine, workers) for engine in takers_of} == takers_of
    for engine, names in takers_of.items():
        assert bool(why_none(NEEDS[engine], workers)) is not bool(names)


def test_why_no_worker_takes_an_engine_is_said_with_numbers() -> None:
    assert why_none(BIG, places("auto", SMALL)) == (
        "it needs a card of 40.0 GB; the largest that a worker of this server has is of 24.0 GB"
    )
    assert why_none(PAIR, places("auto", SMALL, LARGE)) == (
        "it needs 2 cards in one worker; the workers of this server have 1: start it with --workers light,card0+1, or "
        "on a cluster with --cards-per-worker 2"
    )
    assert why_none(PAIR, places("auto", SMALL)) == ("it needs 2 cards in one worker; this server has 1 on one machine")
    assert why_none(PAIR, places("light")) == "it needs 2 cards in one worker; this server has none"
    assert "start it with --workers auto" in why_none(NETWORK, places("light"))


def test_an_engine_with_use_for_several_cards_goes_where_they_are_and_makes_do_with_one() -> None:
    third = NvidiaCard(80 * GB, 13, "2")
    workers = places("light,card0,card1+2", SMALL, LARGE, third)
    several = msgspec.structs.replace(NETWORK, most_cards=2, each_of_several=20 * GB)
    assert [place.name for place in takers(several, workers)] == ["card1+2", "card0"]
    assert [place.name for place in takers(NETWORK, workers)] == ["card0", "card1+2"], "others leave them to it"
    too_large = msgspec.structs.replace(several, each_of_several=90 * GB)
    assert [place.name for place in takers(too_large, workers)] == ["card0", "card1+2"]
    assert why_none(several, places("auto", SMALL)) == "", "one is all that it needs"


def test_a_process_sees_the_cards_of_its_worker_alone() -> None:
    assert list(planned_workers("auto", [SMALL, LARGE]).values()) == ["-1", "0", "1"]
    assert list(planned_workers("light,card0+1", [SMALL, LARGE]).values()) == ["-1", "0,1"]
    assert list(planned_workers("any", [SMALL]).values()) == [None]
    assert list(planned_workers("auto", []).values()) == [None, None], "why a card is not used can still be told"


def test_a_server_whose_driver_is_silent_does_without_cards_and_its_workers_do_not_ask(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def silent() -> tuple[NvidiaCard, ...]:
        raise ServiceError("The driver says nothing", "no answer in 60 s", "Restart it.")

    assert list(workers_of_machine("auto", silent).values()) == ["-1", "-1"]
    assert "no answer in 60 s. Restart it. Until then this server uses no card." in caplog.text
    with pytest.raises(ServiceError, match="no card 0 for a worker: it sees none"):
        workers_of_machine("card0", silent)
    assert list(workers_of_machine("auto", lambda: (SMALL,)).values()) == ["-1", "0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("cpu", "'cpu' names no worker: expected light, heavy, any, or a card such as card0"),
        ("light,", "'' names no worker"),
        ("card", "'card' names no worker"),
        ("card0+", "'card0.' names no worker"),
        ("card7", "no card 7 for a worker: it sees 0, 1"),
        ("card0,card0+1", "Two workers cannot have the same card 0"),
        ("any,card1", "Two workers cannot have the same card 1"),
    ],
)
def test_words_that_are_no_workers_are_refused(words: str, said: str) -> None:
    with pytest.raises(ServiceError, match=said):
        planned_workers(words, [SMALL, LARGE])


def test_engines_that_share_a_worker_share_their_queue() -> None:
    assert lanes(NEEDS, places("auto", SMALL, LARGE)) == {
        **dict.fromkeys(["draft", "depth"], "light"),
        **dict.fromkeys(["network", "other", "big", "own"], "card0"),
        "pair": "",
    }
    assert set(lanes(NEEDS, places("any", SMALL, LARGE)).values()) == {"any"}


def waiting_jobs(engines: list[str], owner: str = "anna") -> list[Waiting]:
    return [Waiting(number, f"job-{number}", owner, engine) for number, engine in enumerate(engines)]


def assign(
    jobs: list[Waiting], free: dict[str, str], workers: list[WorkerPlace], passed: frozenset[str] = frozenset()
) -> Picks:
    queue = FairQueue()
    queue.lanes = lanes(NEEDS, workers)
    queue.fill(jobs)
    return assigned(queue.first(len(jobs)), free, NEEDS, workers, passed)


def started(picked: Picks) -> dict[str, str]:
    return {start.worker: start.job.engine for start in picked.starts}


def test_a_job_goes_where_its_network_is_loaded_then_where_none_is() -> None:
    workers = places("auto", SMALL, LARGE)
    jobs = waiting_jobs(["network"])
    assert started(assign(jobs, {"card0": "other", "card1": "network"}, workers)) == {"card1": "network"}
    assert started(assign(jobs, {"card0": "other", "card1": ""}, workers)) == {"card1": "network"}
    assert started(assign(jobs, {"card0": "other"}, workers)) == {"card0": "network"}


def test_a_job_lets_one_pass_whose_network_is_loaded_and_no_second() -> None:
    workers = places("auto", SMALL)
    jobs = [Waiting(0, "first", "anna", "network"), Waiting(1, "second", "bob", "other"), *waiting_jobs(["other"])]
    picked = assign(jobs[:2], {"card0": "other"}, workers)
    assert [start.job.job_id for start in picked.starts] == ["second"]
    assert picked.passed == {"first"}
    again = assign(jobs[:2], {"card0": "other"}, workers, frozenset(picked.passed))
    assert [start.job.job_id for start in again.starts] == ["first"]
    own_next = [Waiting(0, "first", "anna", "network"), Waiting(1, "later", "anna", "other")]
    picked = assign(own_next, {"card0": "other"}, workers)
    assert [start.job.job_id for start in picked.starts] == ["first"], "a client's own jobs keep their order"


def test_depth_takes_a_card_that_nobody_needs_and_that_holds_no_other_network() -> None:
    workers = places("auto", SMALL)
    depth = waiting_jobs(["depth", "depth"])
    assert started(assign(depth, {"light": "", "card0": ""}, workers)) == {"card0": "depth", "light": "depth"}
    assert started(assign(depth, {"light": "", "card0": "network"}, workers)) == {"light": "depth"}
    assert started(assign(waiting_jobs(["depth", "network"]), {"light": "", "card0": ""}, workers)) == {
        "light": "depth",
        "card0": "network",
    }


def test_one_worker_is_woken_for_each_job_that_waits_for_one() -> None:
    light, heavy = places("auto")
    assert woken([NETWORK, NETWORK], [heavy], [], [light]) == {"heavy"}
    assert woken([NETWORK], [], [heavy], [light]) == set()
    assert woken([DRAFT], [heavy], [], [light]) == set(), "a short job waits for a worker of its kind"
    card0, card1 = places("card0,card1", SMALL, LARGE)
    assert woken([NETWORK, BIG], [card0, card1], [], []) == {"card0", "card1"}
    assert woken([BIG], [card1], [card0], []) == {"card1"}


engines = st.sampled_from(sorted(NEEDS))
jobs_of_clients = st.lists(st.tuples(st.sampled_from(["anna", "bob", "cleo"]), engines), max_size=14)


@examples(200)
@given(st.sampled_from(PLANS), jobs_of_clients, st.data())
def test_nothing_waits_that_a_free_worker_could_run(
    words: str, asked: list[tuple[str, str]], data: st.DataObject
) -> None:
    workers = places(words, SMALL, LARGE)
    jobs = [Waiting(number, f"job-{number}", owner, engine) for number, (owner, engine) in enumerate(asked)]
    busy = data.draw(st.sets(st.sampled_from([place.name for place in workers])))
    free = {place.name: data.draw(st.sampled_from(["", *NEEDS])) for place in workers if place.name not in busy}
    picked = assign(jobs, free, workers)
    used = [start.worker for start in picked.starts]
    assert len(set(used)) == len(used)
    assert set(used) <= set(free)
    ids = [start.job.job_id for start in picked.starts] + [job.job_id for job in picked.left]
    assert sorted(ids) == sorted(job.job_id for job in jobs)
    for job in picked.left:
        assert not set(taken(job.engine, workers)) & (set(free) - set(used)), job
    for start in picked.starts:
        spare = NEEDS[start.job.engine].faster_on_card and start.worker.startswith("card")
        assert spare or start.worker in taken(start.job.engine, workers)


@examples(60)
@given(st.sampled_from(PLANS[:3]), st.sampled_from(["network", "big", "draft", "depth"]), st.data())
def test_a_job_waits_for_at_most_two_turns_of_every_other_client(words: str, engine: str, data: st.DataObject) -> None:
    """However the others' jobs come and whatever network is loaded when a worker is free."""
    workers = places(words, SMALL, LARGE)
    queue = FairQueue()
    queue.lanes = lanes(NEEDS, workers)
    mine = Waiting(0, "mine", "anna", engine)
    numbers = iter(range(1, 1000))
    jobs, passed, before = [mine], set[str](), 0
    loaded = {place.name: data.draw(engines) for place in workers}
    for _ in range(12):
        # Bob and Cleo have always more to do, of a kind that mine could share its worker with.
        jobs += [Waiting(n, f"{o}-{n}", o, data.draw(engines)) for o in ("bob", "cleo") for n in [next(numbers)]]
        worker = data.draw(st.sampled_from(taken(engine, workers)))
        queue.fill(jobs)
        picked = assigned(queue.first(len(jobs)), {worker: loaded[worker]}, NEEDS, workers, passed)
        passed |= picked.passed
        for start in picked.starts:
            queue.note_started(start.job.engine, start.job.owner)
            jobs.remove(start.job)
            loaded[start.worker] = start.job.engine
            if start.job is mine:
                assert before <= 2 * 2
                return
            before += 1
    raise AssertionError("it never ran")
