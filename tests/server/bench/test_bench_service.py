"""`realcam bench service` on a small load, and the arithmetic of its figures."""

from __future__ import annotations

import msgspec
import pytest
from typer.testing import CliRunner

from server.bench.service_load.measuring import dispatch_seconds, loop_lag
from server.cli import app


def test_a_small_load_is_measured_from_end_to_end() -> None:
    options = ["--jobs", "60", "--clients", "2", "--workers", "1", "--seconds", "1", "--step-seconds", "0.001"]
    done = CliRunner().invoke(app, ["bench", "service", "--json", *options])
    assert done.exit_code == 0, done.output
    figures = msgspec.json.decode(done.stdout)
    assert figures["burst"]["count"] == 2
    assert figures["done"] == figures["dispatch"]["count"] == 2 + figures["submission"]["count"]
    assert figures["forgotten"] == 6, "those of the history that are old"
    assert figures["memory_before"] > 0
    assert figures["loop_lag"]["longest"] >= figures["longest_housekeeping"] > 0


def test_a_lag_is_that_of_a_message_at_any_moment() -> None:
    """Half of ten seconds the loop is in a turn of one second: a message waits half a second of it on average."""
    lag = loop_lag([1.0] * 5, 10.0)
    assert (lag.p50, lag.longest) == (pytest.approx(0.0, abs=1e-6), 1.0)
    assert lag.p99 == pytest.approx(0.98)
    assert loop_lag([0.001] * 1000, 1.0).p50 == pytest.approx(0.0005)
    assert loop_lag([], 1.0).count == 0


def test_a_start_waits_from_when_a_worker_was_free_and_the_job_was_there() -> None:
    events = [
        ("a", "queued", 1.0),
        ("a", "running", 1.5),
        ("b", "queued", 2.0),
        ("a", "done", 4.0),
        ("b", "running", 4.25),
        ("b", "done", 5.0),
        ("c", "queued", 9.0),
        ("c", "running", 9.125),
    ]
    assert dispatch_seconds(events, workers=1) == [0.5, 0.25, 0.125]
    assert dispatch_seconds(events, workers=2) == [0.5, 2.25, 0.125]
