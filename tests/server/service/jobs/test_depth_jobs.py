"""Depth asked of a real server process: durable like any other job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.payloads.depth_request import DepthRequest, decode_depth_result, encode_depth_request
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from tests.support.servers import RunningServer, new_id
from tests.support.shots import small_payload

ENGINES = ("--engines", "tests.support.engines.depth:engines")
WALL, WALL_WITH_LENS, REFUSING = "depth-anything-indoor-small", "depth-pro", "depth-anything-indoor-base"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("depth-server")
    running = RunningServer(folder / "data", folder / "config", ENGINES).start()
    yield running
    running.stop()


def payload(bike: Motorcycle, engine: str, **hints: float) -> bytes:
    photo = np.ascontiguousarray(bike.photo[:120, :180])
    return encode_depth_request(DepthRequest(photo, ShotSettings(engine=engine), **hints))


def test_a_photo_comes_back_as_depth_and_lens(server: RunningServer, bike: Motorcycle, tmp_path: Path) -> None:
    with server.client() as client:
        offered = {engine.name: engine for engine in client.connect().engines}
        assert all(engine.modes == ("depth",) for engine in offered.values())
        job_id = new_id()
        client.submit(job_id, payload(bike, WALL, typed_mm=35.0), WALL)
        events = list(client.follow(job_id))
        assert isinstance(events[-1], StateEvent)
        assert events[-1].state is JobState.DONE, events[-1].reason
        (path,) = client.fetch(job_id, tmp_path)
    result = decode_depth_result(path.read_bytes())
    assert result.depth.shape == result.before.shape == result.cleaning_flags.shape == (120, 180)
    expected = 1 / (0.5 - 0.25 * (np.arange(180) + 0.5) / 180)
    known = np.isfinite(result.depth)
    assert known.mean() > 0.9
    difference = np.abs(result.depth / expected - 1)[known]
    assert np.median(difference) < 0.005
    assert result.focal_source == "typed, 35 mm (35 mm eq.)"
    assert result.licence == "Apache 2.0"


def test_a_predictors_own_lens_is_used_when_nothing_is_known(
    server: RunningServer, bike: Motorcycle, tmp_path: Path
) -> None:
    with server.client() as client:
        job_id = new_id()
        client.submit(job_id, payload(bike, WALL_WITH_LENS), WALL_WITH_LENS)
        list(client.follow(job_id))
        result = decode_depth_result(client.fetch(job_id, tmp_path)[0].read_bytes())
    assert result.intrinsics[0, 0] == pytest.approx(0.8 * 180)
    assert result.focal_source.startswith("predicted from the photo, ")


def test_licence_and_what_is_missing_are_told_before_anything_is_sent(server: RunningServer, bike: Motorcycle) -> None:
    with server.client() as client:
        offered = {engine.name: engine for engine in client.connect().engines}
        assert offered[WALL_WITH_LENS].licence.endswith("commercial use: no")
        assert "1341 MB" in offered["depth-anything-outdoor-large"].description
        missing = offered["depth-anything-outdoor-large"].unavailable
        if missing:
            assert "run `uv sync --inexact --extra models`" in missing or "weights get" in missing
            with pytest.raises(ServiceError, match="cannot run on this server"):
                client.submit(new_id(), payload(bike, "depth-anything-outdoor-large"), "depth-anything-outdoor-large")


def test_refusals_are_quoted_and_payloads_do_not_mix(server: RunningServer, bike: Motorcycle) -> None:
    with server.client() as client:
        for order, engine, sentence in (
            (payload(bike, REFUSING), REFUSING, "too dark: mean 3 of 255"),
            (small_payload(bike, WALL), WALL, "makes depth, not clips"),
        ):
            job_id = new_id()
            client.submit(job_id, order, engine)
            last = list(client.follow(job_id))[-1]
            assert isinstance(last, StateEvent)
            assert last.state is JobState.FAILED
            assert sentence in last.reason
        with pytest.raises(ServiceError, match="The payload is for the engine"):
            client.submit(new_id(), payload(bike, REFUSING), WALL)


def test_a_request_outlives_a_killed_server(bike: Motorcycle, tmp_path: Path) -> None:
    running = RunningServer(tmp_path / "data", tmp_path / "config", ENGINES).start()
    try:
        with running.client() as client:
            job_id = new_id()
            client.submit(job_id, payload(bike, WALL), WALL)
            running.kill()
            running.start()
            last = list(client.follow(job_id))[-1]
            assert isinstance(last, StateEvent)
            assert last.state is JobState.DONE
            assert client.fetch(job_id, tmp_path / "out")
    finally:
        running.stop()
