"""When an engine is suspended, for whom, and how it comes back."""

from __future__ import annotations

from server.service.workers.circuit_breaker import CircuitBreaker

ANNA, BEN, CLEO = "anna's key", "ben's key", "cleo's key"


def _after(*failures: str, rest: float = 600.0) -> CircuitBreaker:
    """One failed job a second of these owners, from second 0 on; what it died of names its owner."""
    engines = CircuitBreaker(rest)
    for second, owner in enumerate(failures):
        engines.record_failure("glass", owner, f"a shot of {owner}", float(second))
    return engines


def test_three_of_one_client_set_it_aside_for_this_client_alone() -> None:
    assert not _after(ANNA, ANNA).why("glass", ANNA, 3.0)
    engines = _after(ANNA, ANNA, ANNA)
    assert engines.why("glass", ANNA, 3.0) == f"it failed 3 jobs in a row, the last one so: a shot of {ANNA}"
    assert not engines.why("glass", BEN, 3.0)
    assert not engines.why("copy", ANNA, 3.0)
    assert engines.engines(3.0) == ["glass"]


def test_three_of_two_clients_set_it_aside_for_everybody() -> None:
    engines = _after(ANNA, BEN, ANNA)
    assert all(engines.why("glass", owner, 3.0) for owner in (ANNA, BEN, CLEO))


def test_nobody_is_told_of_others_jobs() -> None:
    engines = _after(ANNA, BEN, ANNA)
    assert engines.why("glass", CLEO, 3.0) == "it failed 3 jobs in a row, of several clients"
    assert engines.why("glass", BEN, 3.0).endswith(f", yours so: a shot of {BEN}")


def test_a_clip_ends_the_row() -> None:
    engines = _after(ANNA, ANNA)
    engines.record_success("glass", ANNA)
    assert not engines.record_failure("glass", ANNA, "again", 3.0)
    engines = _after(ANNA, BEN)
    engines.record_success("glass", CLEO)
    assert not engines.record_failure("glass", BEN, "again", 3.0)


def test_a_clip_of_another_client_does_not_excuse_shots_that_fail() -> None:
    engines = _after(ANNA, ANNA)
    engines.record_success("glass", BEN)
    assert engines.record_failure("glass", ANNA, "again", 3.0)


def test_after_its_rest_it_is_tried_again_and_one_failure_has_it_rest_once_more() -> None:
    engines = _after(ANNA, ANNA, ANNA, rest=10.0)
    assert engines.why("glass", ANNA, 11.9)
    assert not engines.why("glass", ANNA, 12.0)
    assert engines.engines(12.0) == []
    assert engines.record_failure("glass", ANNA, "again", 12.0)
    assert engines.why("glass", ANNA, 21.0) == "it failed 4 jobs in a row, the last one so: again"
    engines.record_success("glass", ANNA)
    assert not engines.why("glass", ANNA, 21.0)
