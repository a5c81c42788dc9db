"""Jobs on the nodes of a Ray cluster come out as on one machine, whatever dies meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from server.engines.draft.engine import DraftEngine
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload, small_shot
from tests.support.systems.made_clips import fetched, made
from tests.support.systems.ray_nodes import PATIENCE, STORE_BYTES, RayNodes, wait_until

ENGINES = "tests.support.engines.misbehaving:on_nodes"


@pytest.fixture(scope="module")
def server(nodes: RayNodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on the cluster, which has no node with a card when it starts."""
    folder = tmp_path_factory.mktemp("server")
    running = RunningServer(
        folder / "data",
        folder / "config",
        ("--cluster", nodes.address, "--cards-per-worker", "2"),
        log=folder / "log",
        engines=ENGINES,
    ).start()
    yield running
    running.stop()


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """Its user's."""
    with server.client(patience=PATIENCE) as connected:
        yield connected


def unavailable(client: Client, engine: str) -> str:
    """Why an engine cannot be used."""
    (found,) = (offered for offered in client.connect(PATIENCE).engines if offered.name == engine)
    return found.unavailable


def test_a_draft_is_what_the_engine_makes_here(client: Client, bike: Motorcycle, tmp_path: Path) -> None:
    wanted = DraftEngine().generate(small_shot(bike, "draft"), lambda report: None).frames
    np.testing.assert_array_equal(made(client, small_payload(bike, "draft"), "draft", tmp_path), wanted)


def test_a_payload_larger_than_the_object_store_is_sent_in_pieces(
    client: Client, bike: Motorcycle, tmp_path: Path
) -> None:
    shot = small_shot(bike)
    noise = np.random.default_rng(0).uniform(1.0, 9.0, (5000, 5000)).astype(np.float32)
    payload = encode_shot(replace(shot, depth=noise))
    assert len(payload) > STORE_BYTES
    np.testing.assert_array_equal(made(client, payload, "copy", tmp_path), shot.preview[..., :3])


def test_an_engine_that_dies_goes_on_from_the_checkpoint_that_its_node_sent(
    client: Client, bike: Motorcycle, tmp_path: Path
) -> None:
    calm = made(client, small_payload(bike, "resume", seed=5), "resume", tmp_path)
    job_id = new_id()
    client.submit(job_id, small_payload(bike, "resume", seed=5, die=True, always=True), "resume")
    events = list(client.follow(job_id))
    assert isinstance(events[-1], StateEvent)
    assert (events[-1].state, events[-1].attempt) == (JobState.DONE, 2)
    np.testing.assert_array_equal(fetched(client, job_id, tmp_path), calm)


def test_two_servers_share_a_cluster_and_each_has_its_own_jobs(
    nodes: RayNodes, client: Client, bike: Motorcycle, tmp_path: Path
) -> None:
    arguments = ("--cluster", nodes.address)
    other = RunningServer(tmp_path / "data", tmp_path / "config", arguments, log=tmp_path / "log", engines=ENGINES)
    wanted = small_shot(bike).preview[..., :3]
    try:
        with other.start().client(patience=PATIENCE) as second:
            frames = DraftEngine().generate(small_shot(bike, "draft"), lambda report: None).frames
            np.testing.assert_array_equal(made(second, small_payload(bike, "draft"), "draft", tmp_path), frames)
            np.testing.assert_array_equal(made(client, small_payload(bike), "copy", tmp_path), wanted)
            assert len(second.jobs()) == 1
    finally:
        other.stop()
    np.testing.assert_array_equal(made(client, small_payload(bike), "copy", tmp_path), wanted)


def test_nodes_that_join_are_used_and_one_that_dies_hands_its_job_to_another(
    nodes: RayNodes, server: RunningServer, client: Client, bike: Motorcycle, tmp_path: Path
) -> None:
    assert "it needs a card" in unavailable(client, "card")
    assert "it needs 2 cards in one worker; this server has none" in unavailable(client, "pair")
    first = nodes.add(cards=2, card_gb=24)
    wait_until(lambda: not unavailable(client, "card"))
    made(client, small_payload(bike, "card"), "card", tmp_path)
    made(client, small_payload(bike, "pair"), "pair", tmp_path)

    calm = made(client, small_payload(bike, "resume", seed=7), "resume", tmp_path)
    job_id, go_on = new_id(), tmp_path / "go on"
    client.submit(job_id, small_payload(bike, "resume", seed=7, always=True, until=str(go_on), pause=0.3), "resume")
    wait_until((server.data_dir / "checkpoints" / job_id / "state").exists)
    nodes.add(cards=1, card_gb=24)
    nodes.kill(first)
    events = []
    for event in client.follow(job_id):
        events.append(event)
        if isinstance(event, StateEvent) and (event.state, event.attempt) == (JobState.RUNNING, 2):
            go_on.touch()
    assert isinstance(events[-1], StateEvent)
    assert (events[-1].state, events[-1].attempt) == (JobState.DONE, 2)
    assert any("lost" in event.reason for event in events if isinstance(event, StateEvent))
    assert any(event.stage == "resumed" for event in events if isinstance(event, JobProgress))
    np.testing.assert_array_equal(fetched(client, job_id, tmp_path), calm)


def test_what_waits_for_a_card_is_shown_to_rays_autoscaler_by_the_memory_that_it_needs(
    nodes: RayNodes, client: Client, bike: Motorcycle, tmp_path: Path
) -> None:
    if unavailable(client, "card"):
        nodes.add(cards=1, card_gb=24)
        wait_until(lambda: not unavailable(client, "card"))
    go_on, jobs = tmp_path / "go on", [new_id(), new_id()]
    for job_id in jobs:
        client.submit(job_id, small_payload(bike, "card", until=str(go_on)), "card")
    card = {"GPU": 1.0, "realcam_card_gb": 8.0}
    wait_until(lambda: nodes.demand() == [card, card])
    go_on.touch()
    for job_id in jobs:
        assert [event.state for event in client.follow(job_id) if isinstance(event, StateEvent)][-1] is JobState.DONE
    wait_until(lambda: nodes.demand() == [card])
