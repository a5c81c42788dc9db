"""Two servers on one cluster are told apart, and the second one waits for a card that the first one has."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload
from tests.support.systems.ray_nodes import PATIENCE, RayNodes, wait_until

ENGINES = "tests.support.engines.misbehaving:on_nodes"


@contextmanager
def server_on(nodes: RayNodes, folder: Path) -> Iterator[tuple[str, Client]]:
    """What a server's actors begin their names with, and its user's client; it gives a card back after a second."""
    arguments = ("--cluster", nodes.address, "--idle-release", "1")
    server = RunningServer(folder / "data", folder / "config", arguments, log=folder / "log", engines=ENGINES)
    folder.mkdir()
    try:
        with server.start().client(patience=PATIENCE) as client:
            assert server.process is not None
            yield f"{platform.node()}-{server.process.pid} ", client
    finally:
        server.stop()


def with_cards(nodes: RayNodes, state: str) -> list[str]:
    """The names of the actors with a card that are in a state of Ray's, each without its worker's number."""
    return [name.rpartition(" #")[0] for name in nodes.actors(state) if "/card0 " in name]


@pytest.mark.slow
def test_a_server_gets_the_card_once_the_other_one_has_no_use_for_it(
    nodes: RayNodes, bike: Motorcycle, tmp_path: Path
) -> None:
    card, go_on = nodes.add(cards=1, card_gb=24), tmp_path / "go on"
    try:
        with server_on(nodes, tmp_path / "first") as (first, client), server_on(nodes, tmp_path / "second") as other:
            second, waiting = other
            running, job_id = new_id(), new_id()
            wait_until(lambda: any(worker.kind == "card" for worker in client.stats().workers))
            client.submit(running, small_payload(bike, "card", until=str(go_on)), "card")
            wait_until(lambda: client.status(running).state is JobState.RUNNING)
            wait_until(lambda: any(worker.kind == "card" for worker in waiting.stats().workers))
            waiting.submit(job_id, small_payload(bike, "card"), "card")
            wait_until(lambda: any(name.startswith(second) for name in with_cards(nodes, "PENDING_CREATION")))
            assert [name.startswith(first) for name in with_cards(nodes, "ALIVE")] == [True]
            assert waiting.status(job_id).state is JobState.QUEUED
            # What the one has and the other one waits for, together.
            wait_until(lambda: nodes.demand() == 2 * [{"GPU": 1.0, "realcam_card_gb": 8.0}])
            go_on.touch()
            for one, asked in ((client, running), (waiting, job_id)):
                last = list(one.follow(asked))[-1]
                assert isinstance(last, StateEvent)
                assert (last.state, last.reason, last.attempt) == (JobState.DONE, "", 1)
        # Neither server is there any more, to look whether the other one is.
        wait_until(lambda: nodes.demand() == [])
    finally:
        nodes.kill(card)
