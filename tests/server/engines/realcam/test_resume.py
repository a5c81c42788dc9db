"""A shot that was broken off goes on where it stood, and becomes the same clip to the last bit."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

import torch
from safetensors.torch import load, save

from blender_addon.core.payloads.shot import Shot
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from server.diffusion.sampler import SamplerState
from server.engines.clip_digest import clip_digest
from server.engines.engine import Paused, ResumableEngine
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.shot_checkpoint import ShotCheckpoint, decode_checkpoint, encode_checkpoint
from server.engines.realcam.sources import RandomWeights, Size
from server.model.config import TINY, ModelConfig
from server.model.sampling.shot_sampler import ShotState
from server.service.workers.checkpoints import FileCheckpoints
from tests.support.servers import RunningServer, can_be_asked_to_end, new_id, workers_of
from tests.support.shots import realcam_shot, sideways

STEPS = 3


class FourFrames(RandomWeights):
    """Weights that know clips of four frames, so that a short shot has segments."""

    def config(self, size: Size) -> ModelConfig:
        tiny = super().config(size)
        return replace(
            tiny, pose_encoder=replace(tiny.pose_encoder, frames=4), resampler=replace(tiny.resampler, frames=4)
        )


@pytest.fixture(scope="module")
def engine() -> RealCamEngine:
    return RealCamEngine(FourFrames("tiny"))


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    """Two segments, held to the preview, fresh noise in each step, guidance kept over two steps."""
    options = {"steps": STEPS, "shaping_until": 300, "eta": 1.0, "lossy_guidance_every": 2, "overlap": 2}
    return realcam_shot(bike, sideways(6, 128, 64), **options)


class Pausing:
    """Wants to stop at the `at`-th time it is asked."""

    def __init__(self, at: int) -> None:
        self.at, self.asked = at, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked >= self.at


@pytest.fixture(scope="module")
def undisturbed(engine: RealCamEngine, shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, int]:
    """The clip's frames, and how often it was asked whether to stop."""
    never = Pausing(10**9)
    clip = engine.generate_resumable(
        shot, lambda _: None, FileCheckpoints(tmp_path_factory.mktemp("undisturbed"), never)
    )
    return clip.frames, never.asked


def test_the_worker_sees_that_it_can_go_on(engine: RealCamEngine) -> None:
    assert isinstance(engine, ResumableEngine)


@pytest.mark.parametrize("part", [0.0, 0.2, 0.45, 0.7, 0.99])
def test_wherever_it_stopped(
    engine: RealCamEngine, shot: Shot, undisturbed: tuple[np.ndarray, int], tmp_path: Path, part: float
) -> None:
    """Before the first step, in either segment's sampling, between steps, and while decoding."""
    frames, asked = undisturbed
    with pytest.raises(Paused):
        engine.generate_resumable(shot, lambda _: None, FileCheckpoints(tmp_path, Pausing(1 + int(part * asked))))
    clip = engine.generate_resumable(shot, lambda _: None, FileCheckpoints(tmp_path, Pausing(10**9)))
    assert np.array_equal(clip.frames, frames)


def test_stopped_after_every_step_none_is_done_twice(
    engine: RealCamEngine, shot: Shot, undisturbed: tuple[np.ndarray, int], tmp_path: Path
) -> None:
    sampled: list[int] = []
    clip = None
    promised = engine.capability.checkpoint_share * len(encode_shot(shot))
    while clip is None:
        stop, attempt = Pausing(10**9), len(sampled)

        def report(step: JobProgress, stop: Pausing = stop, attempt: int = attempt) -> None:
            if step.stage == "Sampling" and step.done not in sampled[attempt:]:
                sampled.append(step.done)
                stop.at = 0

        with suppress(Paused):
            clip = engine.generate_resumable(shot, report, FileCheckpoints(tmp_path, stop))
        assert (tmp_path / "state").stat().st_size <= promised
        assert len(sampled) <= 2 * STEPS
    assert sampled == [1, 2, 3, 4, 5, 6]
    assert np.array_equal(clip.frames, undisturbed[0])


def other_seed(shot: Shot) -> Shot:
    return replace(shot, settings=msgspec.structs.replace(shot.settings, seed=shot.settings.seed + 1))


def other_path(shot: Shot) -> Shot:
    return replace(shot, trajectory=shot.trajectory.rescale(1.01))


def other_steps(shot: Shot) -> Shot:
    options = {**shot.settings.options, "steps": STEPS + 1}
    return replace(shot, settings=msgspec.structs.replace(shot.settings, options=options))


@pytest.mark.parametrize("changed", [other_seed, other_path, other_steps])
def test_a_checkpoint_of_something_else_is_not_used(
    engine: RealCamEngine,
    shot: Shot,
    undisturbed: tuple[np.ndarray, int],
    tmp_path: Path,
    changed: Callable[[Shot], Shot],
) -> None:
    with pytest.raises(Paused):
        engine.generate_resumable(shot, lambda _: None, FileCheckpoints(tmp_path, Pausing(undisturbed[1] // 3)))
    steps: list[int] = []
    with pytest.raises(Paused):
        engine.generate_resumable(
            changed(shot), lambda r: steps.append(r.done), FileCheckpoints(tmp_path, Pausing(undisturbed[1] // 3))
        )
    assert 1 in steps, "it began at the first step"


def digest_of(shot: Shot, **changed: Any) -> bytes:
    known = {
        "model": TINY.name,
        "weights_hash": "w",
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "code": "1",
    }
    return clip_digest(shot, **{**known, **changed})


def test_other_weights_do_not_go_on(shot: Shot) -> None:
    """Nor other code, another precision, or another number of threads: each changes the last bits."""
    digests = {digest_of(shot), digest_of(shot, weights_hash="other"), digest_of(shot, code="2")}
    digests.add(digest_of(shot, dtype=torch.bfloat16))
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    digests.add(digest_of(shot))
    torch.set_num_threads(threads)
    assert len(digests) == 5
    assert digest_of(shot) in digests


DIGEST = bytes(range(32))
KEPT = ShotCheckpoint(
    "plain",
    ShotState(
        (), None, torch.zeros(8, dtype=torch.uint8), SamplerState(1, torch.ones(1, 4, 2, 8, 8), {}), torch.ones(8)
    ),
)


@pytest.mark.parametrize("damage", [b"", b"\x80\x04pickle", b"\xff" * 64])
def test_a_damaged_checkpoint_is_no_checkpoint(damage: bytes) -> None:
    assert decode_checkpoint(damage, DIGEST, torch.device("cpu")) is None


@pytest.mark.parametrize("missing", ["digest", "plan", "begun", "latent", "drawn"])
def test_nor_is_a_sound_one_of_another_layout(missing: str) -> None:
    tensors = load(encode_checkpoint(KEPT, DIGEST))
    assert decode_checkpoint(save(tensors), DIGEST, torch.device("cpu")) is not None
    del tensors[missing]
    assert decode_checkpoint(save(tensors), DIGEST, torch.device("cpu")) is None


class TestInAServer:
    """A real server and its worker process."""

    STEPS = 6
    BREAK = 2

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[RunningServer]:
        engines = ("--engines", "tests.support.engines.quick_checkpoints:engines")
        server = RunningServer(tmp_path / "data", tmp_path / "config", engines).start()
        yield server
        server.stop()

    @pytest.fixture
    def payload(self, bike: Motorcycle) -> bytes:
        return encode_shot(realcam_shot(bike, sideways(4, 128, 64), steps=self.STEPS))

    def clip(self, server: RunningServer, payload: bytes, folder: Path, break_off: Callable[[], None]) -> list[int]:
        """Send the shot, break off in the middle of its sampling, fetch. The steps of each attempt but the first."""
        again: list[int] = []
        stages: set[str] = set()
        broken = False
        with server.client(patience=120.0) as client:
            job_id = new_id()
            client.submit(job_id, payload, "realcam")
            for event in client.follow(job_id):
                if isinstance(event, JobProgress):
                    stages.add(event.stage)
                    if event.attempt > 1 and event.stage == "Sampling" and event.done not in again:
                        again.append(event.done)
                    if event.done >= self.BREAK and not broken:
                        broken = True
                        break_off()
                elif event.state.final:
                    assert event.state is JobState.DONE, event.reason
                else:
                    assert isinstance(event, StateEvent)
            client.fetch(job_id, folder)
        assert stages & {"Loading the model", "Sampling", "Decoding", "Reading the picture and the camera"}
        return again

    @pytest.mark.parametrize(
        "way",
        [
            "worker killed",
            pytest.param("server killed", marks=pytest.mark.slow),
            pytest.param("graceful stop", marks=[pytest.mark.slow, can_be_asked_to_end]),
        ],
    )
    def test_the_same_clip(self, server: RunningServer, payload: bytes, tmp_path: Path, way: str) -> None:
        def break_off() -> None:
            assert server.process is not None
            if way == "worker killed":
                workers_of(server)[-1].kill()
            elif way == "server killed":
                server.kill()
                server.start()
            else:
                server.process.send_signal(signal.SIGTERM)
                assert server.wait() == 0
                server.start()

        assert self.clip(server, payload, tmp_path / "undisturbed", lambda: None) == []
        again = self.clip(server, payload, tmp_path / "broken", break_off)
        assert again, "there was a second attempt"
        assert min(again) >= self.BREAK, "which did not begin anew"
        pictures = [sorted((tmp_path / name).rglob("*.png")) for name in ("undisturbed", "broken")]
        assert len(pictures[0]) == 4
        assert [p.read_bytes() for p in pictures[0]] == [p.read_bytes() for p in pictures[1]]
