"""Clips of engines on pipelines in a real server: cancelled; killed, gone on with, and the same to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import JobState
from server.demo.motorcycle import Motorcycle
from tests.support.engines.pipeline_shots import holed_shot
from tests.support.engines.quick_pipelines import HOLD
from tests.support.servers import RunningServer, new_id, workers_of

STEPS, BREAK = 4, 2


@pytest.fixture(scope="module")
def hold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file: while it is there, an attempt waits in the middle."""
    return tmp_path_factory.mktemp("hold") / "hold"


@pytest.fixture(scope="module")
def server(hold: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    engines = "tests.support.engines.quick_pipelines:engines"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOLD, str(hold))
        server = RunningServer(folder / "data", folder / "config", engines=engines).start()
    yield server
    server.stop()


def test_a_cancel_ends_a_clip(server: RunningServer, bike: Motorcycle) -> None:
    with server.client(patience=120.0) as client:
        engine = next(e for e in client.connect().engines if e.name == "vace")
        assert engine.unavailable == ""
        assert engine.draft, "and says that its weights are random"
        job_id = new_id()
        client.submit(job_id, encode_shot(holed_shot(bike, "vace", steps=100)), "vace")
        for event in client.follow(job_id):
            if isinstance(event, JobProgress):
                if event.stage == "Sampling":
                    client.cancel(job_id)
            elif event.state.final:
                assert event.state is JobState.CANCELLED, event.reason


def clip(
    server: RunningServer, engine: str, payload: bytes, folder: Path, kill: Callable[[], None]
) -> tuple[int, list[int]]:
    """Send the shot, kill in the middle of its sampling, fetch.

    Returns:
        The number of attempts, and the steps that were told of those after the first: none where they are quick.
    """
    attempts, again = 0, list[int]()
    killed = False
    with server.client(patience=120.0) as client:
        job_id = new_id()
        client.submit(job_id, payload, engine)
        for event in client.follow(job_id):
            if isinstance(event, JobProgress):
                if event.attempt > 1 and event.stage == "Sampling":
                    again.append(event.done)
                if event.done >= BREAK and not killed:
                    killed = True
                    kill()
            elif event.state.final:
                assert event.state is JobState.DONE, event.reason
                attempts = event.attempt
        client.fetch(job_id, folder)
    return attempts, again


@pytest.mark.parametrize(
    "engine",
    [
        "wan-i2v",
        pytest.param("vace", marks=pytest.mark.slow),
        pytest.param("sana-wm", marks=pytest.mark.slow),
    ],
)
def test_killed_it_becomes_the_same_clip(
    server: RunningServer, hold: Path, bike: Motorcycle, tmp_path: Path, engine: str
) -> None:
    options = {"vace": {}, "wan-i2v": {"hold": "dual", "hold_until": 0.5}, "sana-wm": {"refine": True}}[engine]
    payload = encode_shot(holed_shot(bike, engine, frames=5, **{**options, "steps": STEPS}))

    def kill() -> None:
        workers_of(server)[-1].kill()
        hold.unlink()

    assert clip(server, engine, payload, tmp_path / "undisturbed", lambda: None) == (1, [])
    hold.touch()
    attempts, again = clip(server, engine, payload, tmp_path / "killed", kill)
    assert attempts == 2
    assert all(step >= BREAK for step in again), "the second did not begin anew"
    pictures = [sorted((tmp_path / name).rglob("*.png")) for name in ("undisturbed", "killed")]
    assert len(pictures[0]) == 5
    assert [picture.read_bytes() for picture in pictures[0]] == [picture.read_bytes() for picture in pictures[1]]
