"""The campaigns in short; their long forms are commands (see each file)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.campaigns.bad_links import run as bad_links
from tests.campaigns.commit_points import MOMENTS, POINTS, Death
from tests.campaigns.commit_points import run as commit_points
from tests.campaigns.decoder import run as decoder
from tests.campaigns.full_disk import NoSmallDiskError
from tests.campaigns.full_disk import run as full_disk
from tests.campaigns.hostile import run as hostile
from tests.campaigns.kill_figures import Event, Kill, recoveries
from tests.campaigns.kills import run
from tests.campaigns.memory import WARM
from tests.campaigns.memory import run as memory
from tests.campaigns.slow_reader import run as slow_reader
from tests.campaigns.waiting import SERVERS, crowd, hour, waits


def test_random_kills_lose_nothing(tmp_path: Path) -> None:
    figures = run(jobs=12, kills=4, seed=3, folder=tmp_path, workers="light,light")
    assert figures.clean, figures
    assert figures.gave_up == 0
    assert sum(figures.kills.values()) == 4
    assert figures.most_attempts <= 10


def test_a_job_that_went_back_is_put_down_to_the_last_kill_and_waits_until_it_starts_again() -> None:
    kills = [Kill("node", 10.0, 3.0), Kill("engine", 20.0, 1.0), Kill("node", 30.0, 5.0)]
    events = [
        Event("a", "running", 9.0),
        Event("b", "running", 9.5),
        Event("b", "done", 11.0),
        Event("a", "queued", 14.0),
        Event("a", "running", 16.0),
        Event("c", "queued", 21.0),
        Event("a", "queued", 31.0),
        Event("c", "running", 32.0),
        Event("a", "running", 40.0),
    ]
    found = recoveries(kills, events)
    assert (found["node"].kills, found["node"].median, found["node"].worst) == (2, 4.0, 5.0)
    assert (found["node"].hit, found["node"].again_median, found["node"].again_worst) == (2, 8.0, 10.0)
    assert (found["engine"].hit, found["engine"].again_worst) == (0, 0.0), "c had not run"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign's servers are forks")
def test_a_kill_at_each_commit_loses_nothing(tmp_path: Path) -> None:
    deaths = [Death(moment, point) for point in POINTS for moment in MOMENTS]
    figures = commit_points(deaths, tmp_path)
    assert figures.lost == []
    assert figures.kills == figures.survived == len(deaths)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign's servers are forks")
def test_a_kill_loses_nothing_where_every_file_is_held_for_a_moment(tmp_path: Path) -> None:
    """As on Windows under a virus scanner: the first renames and removals of every path fail, on both sides."""
    deaths = [
        Death("before", "store_results"),
        *(Death("after", point) for point in ("store_payload", "store_results")),
    ]
    figures = commit_points(deaths, tmp_path, refused=3)
    assert figures.lost == []
    assert figures.kills == figures.survived == len(deaths)


def test_cut_and_frozen_connections_lose_nothing(tmp_path: Path) -> None:
    figures = bad_links(jobs=6, resets=4, freezes=1, clients=2, seed=1, folder=tmp_path)
    assert figures.lost == 0, figures
    assert figures.resets == 4
    assert figures.freezes == 1


def test_wrong_inputs_bring_out_only_errors_in_words() -> None:
    figures = decoder(inputs=20_000, seed=5)
    assert 0 < figures["read_all_the_same"] < 20_000


def test_a_full_disk_loses_nothing_and_leaves_the_server_well(tmp_path: Path) -> None:
    try:
        ends = full_disk((0, 9, 20), tmp_path)
    except NoSmallDiskError:
        pytest.skip("a small file system can only be mounted by root on Linux: the full disk was not tried")
    assert ends["job failed"] + ends["job done"] == 12


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of another process's memory is read as Linux tells it")
def test_what_a_client_sends_to_do_harm_is_refused(tmp_path: Path) -> None:
    figures = hostile(rounds=1, folder=tmp_path)
    assert figures.clean, figures
    assert len(figures.attacks) > 60


def test_a_slow_reader_slows_nobody(tmp_path: Path) -> None:
    """16 KB a second: its clip is still coming when everybody else has ended."""
    figures = slow_reader(clients=3, jobs=2, rate=16_000.0, folder=tmp_path)
    assert figures.events == 2 * 2 * 3, "each state of each job of the others, once"
    assert figures.slow_client_received > 0
    assert figures.memory_growth < 32_000_000


def test_memory_stays_over_many_jobs(tmp_path: Path) -> None:
    """A shot is 110 KB, so that keeping one of each job would add 3 MB."""
    figures = memory(jobs=30, folder=tmp_path, parts=(WARM, 1.0))
    assert figures.growth["server_idle"] < 1.5, figures
    assert figures.growth["worker_idle"] < 1.5, figures


def test_short_jobs_wait_for_short_jobs_alone_and_a_crowd_holds_up_nobody() -> None:
    before, one_card, two_cards = SERVERS
    mixed = hour()
    short = [number for number, job in enumerate(mixed) if job.engine in ("draft", "depth")]
    worst = {server: max(waits(server, mixed)[number] for number in short) for server in SERVERS}
    assert worst[before] > 1200.0, "as long as a clip takes, and more"
    assert worst[one_card] < 60.0 > worst[two_cards]
    for server in SERVERS:
        assert waits(server, crowd())[-1] <= 60.0, "one clip of the 500"
