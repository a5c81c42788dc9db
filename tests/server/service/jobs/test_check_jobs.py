"""A clip's camera checked by a real server process: a job like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.camera.trajectory import Trajectory, inverse
from blender_addon.core.errors import ServiceError
from blender_addon.core.payloads.check_request import (
    CHECKER,
    CheckRequest,
    CheckResult,
    decode_check_result,
    encode_check_request,
)
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from server.evaluation.synthetic_room import film_room
from tests.support.room_path import FRAMES, HEIGHT, WIDTH, known_path
from tests.support.servers import PRODUCT_ENGINES, RunningServer, new_id
from tests.support.shots import small_payload

pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")

AT_PHOTO = known_path()
ASKED = Trajectory(AT_PHOTO.camera_to_world[1:], AT_PHOTO.intrinsics[1:], WIDTH, HEIGHT)
"""A shot that does not begin where the photo was taken."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("check-server")
    engines = ("--engines", PRODUCT_ENGINES)
    running = RunningServer(folder / "data", folder / "config", engines).start()
    yield running
    running.stop()


def too_far(factor: float) -> Trajectory:
    """ASKED, with every step of the camera from its first frame `factor` times as long."""
    first = ASKED.camera_to_world[0]
    relative = inverse(first) @ ASKED.camera_to_world
    relative[:, :3, 3] *= factor
    return Trajectory(first @ relative, ASKED.intrinsics, WIDTH, HEIGHT)


def payload(shown: Trajectory | None = None, frames: np.ndarray | None = None) -> bytes:
    """The room filmed along `shown`, or other frames, said to follow ASKED."""
    if shown is not None:
        frames, _ = film_room(shown)
    assert frames is not None
    _, depth = film_room(Trajectory(AT_PHOTO.camera_to_world[:1], AT_PHOTO.intrinsics[:1], WIDTH, HEIGHT))
    settings = ShotSettings(engine=CHECKER)
    return encode_check_request(CheckRequest(frames, ASKED, depth[0], AT_PHOTO.intrinsics[0], settings))


def checked(server: RunningServer, request: bytes, folder: Path) -> CheckResult:
    with server.client() as client:
        job_id = new_id()
        client.submit(job_id, request, CHECKER)
        last = list(client.follow(job_id))[-1]
        assert isinstance(last, StateEvent)
        assert last.state is JobState.DONE, last.reason
        (path,) = client.fetch(job_id, folder)
    return decode_check_result(path.read_bytes())


def test_a_camera_that_follows_comes_back_where_it_was_asked_to_be(server: RunningServer, tmp_path: Path) -> None:
    result = checked(server, payload(ASKED), tmp_path)
    assert result.placed == tuple(range(FRAMES - 1))
    assert result.metric
    assert result.scale == pytest.approx(1.0, abs=0.02)
    assert np.abs(result.poses[:, :3, 3] - ASKED.centres).max() < 0.02
    assert max(result.degrees) < 0.3
    assert max(result.metres) < 0.02
    assert result.findings[0].startswith("The camera follows")


def test_a_camera_that_goes_too_far_is_said_to_and_shown_there(server: RunningServer, tmp_path: Path) -> None:
    shown = too_far(1.3)
    result = checked(server, payload(shown), tmp_path)
    assert result.scale == pytest.approx(1.3, abs=0.03)
    assert "times as far as asked" in result.findings[0]
    assert np.abs(result.poses[:, :3, 3] - shown.centres).max() < 0.03
    assert max(result.metres) == pytest.approx(np.linalg.norm(shown.centres - ASKED.centres, axis=1).max(), abs=0.03)


def test_a_clip_without_a_camera_fails_in_a_sentence(server: RunningServer) -> None:
    with server.client() as client:
        job_id = new_id()
        client.submit(job_id, payload(frames=np.full((FRAMES - 1, HEIGHT, WIDTH, 3), 90, np.uint8)), CHECKER)
        last = list(client.follow(job_id))[-1]
    assert isinstance(last, StateEvent)
    assert last.state is JobState.FAILED
    assert last.reason.startswith("The clip's camera could not be found")


def test_a_check_is_cancelled_while_it_solves_and_the_worker_lives_on(server: RunningServer, tmp_path: Path) -> None:
    request = payload(ASKED)
    with server.client() as client:
        job_id = new_id()
        client.submit(job_id, request, CHECKER)
        stages = []
        for event in client.follow(job_id):
            if not isinstance(event, StateEvent):
                stages.append(event.stage)
                if len(stages) == 1:
                    client.cancel(job_id)
        assert isinstance(event, StateEvent)
        assert event.state is JobState.CANCELLED
        assert event.reason == "Cancelled.", "by the checker itself, not by the end of its process"
        assert any("features" in stage for stage in stages)
    assert checked(server, request, tmp_path).placed


def test_what_is_missing_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    engines = ("--engines", "tests.support.engines.camera_check:without_pycolmap")
    running = RunningServer(tmp_path / "data", tmp_path / "config", engines).start()
    try:
        with running.client() as client:
            (capability,) = client.connect().engines
            assert capability.modes == ("check",)
            missing = "pycolmap not installed with the server: run `uv sync --inexact --extra evaluation` there"
            assert capability.unavailable == missing
            with pytest.raises(ServiceError, match="cannot run on this server"):
                client.submit(new_id(), b"any", CHECKER)
    finally:
        running.stop()


def test_payloads_do_not_mix(server: RunningServer, bike: Motorcycle) -> None:
    with server.client() as client:
        job_id = new_id()
        client.submit(job_id, small_payload(bike, CHECKER), CHECKER)
        last = list(client.follow(job_id))[-1]
        assert isinstance(last, StateEvent)
        assert "makes camera checks, not clips" in last.reason
        with pytest.raises(ServiceError, match="The payload is for the engine"):
            client.submit(new_id(), payload(ASKED), "draft")
