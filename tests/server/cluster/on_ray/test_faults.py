"""Nodes in trouble that did not simply die: each ends its attempt in words, and the job goes on at another node."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from server.service.workers.dispatcher import DRAINED
from tests.support.folders import small_file_system
from tests.support.network.namespaces import NoNamespaceError
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload
from tests.support.systems.made_clips import fetched, made
from tests.support.systems.ray_cable import node_with_cable
from tests.support.systems.ray_nodes import PATIENCE, RayNodes, wait_until

pytestmark = pytest.mark.slow

ENGINES = "tests.support.engines.misbehaving:on_nodes"
ENGINE = "card-resume"
DISK_KB = 100_000
"""Of a node whose disk is soon full: a worker starts there."""
LOST = "The engine's process was lost: "


@pytest.fixture(scope="module")
def server(nodes: RayNodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on the cluster, which has no node with a card when it starts."""
    folder = tmp_path_factory.mktemp("server")
    arguments = ("--cluster", nodes.address)
    running = RunningServer(folder / "data", folder / "config", arguments, log=folder / "log", engines=ENGINES).start()
    yield running
    running.stop()


class Sampling:
    """A job in the middle of its steps on the cluster's only card, which waits to be let go on.

    Args:
        server: on the cluster.
        client: the job's.
        bike: what it is of.
        folder: for its clip.
    """

    def __init__(self, server: RunningServer, client: Client, bike: Motorcycle, folder: Path) -> None:
        self._client = client
        self._bike = bike
        self._folder = folder
        self._job_id = new_id()
        self._go_on = folder / "go on"
        wait_until(lambda: self.cards() == 1)
        payload = small_payload(bike, ENGINE, seed=7, always=True, until=str(self._go_on))
        client.submit(self._job_id, payload, ENGINE)
        wait_until((server.data_dir / "checkpoints" / self._job_id / "state").exists)

    def cards(self, doing: str = "") -> int:
        """How many workers with a card there are, or do this."""
        return sum(doing in ("", worker.doing) for worker in self._client.stats().workers if worker.kind == "card")

    def go_on(self) -> None:
        """Let it take its next steps, wherever it runs."""
        self._go_on.touch()

    def attempt(self) -> int:
        """How often it was begun."""
        return self._client.status(self._job_id).attempt

    def end(self) -> list[str]:
        """The reasons of its changes, once it is made in its second attempt, to the clip that nothing disturbed."""
        events = [event for event in self._client.follow(self._job_id) if isinstance(event, StateEvent)]
        assert (events[-1].state, events[-1].reason, events[-1].attempt) == (JobState.DONE, "", 2)
        calm = made(self._client, small_payload(self._bike, ENGINE, seed=7), ENGINE, self._folder)
        np.testing.assert_array_equal(fetched(self._client, self._job_id, self._folder), calm)
        return [event.reason for event in events if event.reason]


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """Its user's."""
    with server.client(patience=PATIENCE) as connected:
        yield connected


@pytest.fixture
def add_card(nodes: RayNodes) -> Iterator[Callable[..., Any]]:
    """Adds a node with a card, which is gone after the test."""
    added = list[Any]()

    def add(**environment: str) -> Any:
        added.append(nodes.add(cards=1, card_gb=24, **environment))
        return added[-1]

    yield add
    for node in added:
        nodes.kill(node)


def test_a_node_that_ray_drains_stops_its_job_at_a_checkpoint(
    nodes: RayNodes,
    server: RunningServer,
    client: Client,
    add_card: Callable[..., Any],
    bike: Motorcycle,
    tmp_path: Path,
) -> None:
    leaving = add_card()
    job = Sampling(server, client, bike, tmp_path)
    words = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot price"]
    ray = Path(sys.executable).with_name("ray")
    subprocess.run([ray, "drain-node", "--address", nodes.address, "--node-id", leaving.node_id, *words], check=True)
    wait_until(lambda: job.cards("last job"))
    add_card()
    job.go_on()
    assert job.end() == [DRAINED]


def test_a_node_whose_disk_is_full_hands_its_job_on(
    server: RunningServer, client: Client, add_card: Callable[..., Any], bike: Motorcycle, tmp_path: Path
) -> None:
    with small_file_system(tmp_path / "disk", DISK_KB) as disk:
        add_card(TMPDIR=str(disk))
        job = Sampling(server, client, bike, tmp_path)
        (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free))
        add_card()
        wait_until(lambda: job.cards() == 2)
        job.go_on()
        assert job.end() == [f"{LOST}the disk of its node is full."]


def test_a_node_that_is_cut_off_is_given_up_and_not_heard_when_it_is_back(
    nodes: RayNodes,
    server: RunningServer,
    client: Client,
    add_card: Callable[..., Any],
    bike: Motorcycle,
    tmp_path: Path,
) -> None:
    try:
        with node_with_cable(nodes) as cable:
            job = Sampling(server, client, bike, tmp_path)
            cable.cut()
            add_card()
            wait_until(lambda: job.attempt() == 2)
            cable.mend()
            job.go_on()
            assert job.end() == [f"{LOST}its node died or was cut off."]
            # It is told that it has been given up.
            cable.node.wait(PATIENCE)
    except NoNamespaceError as error:
        pytest.skip(str(error))
