"""A shot that was broken off goes on where it stood, and becomes the same clip to the last bit."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

from blender_addon.core.client import JobProgress
from blender_addon.core.messages import JobState, StateEvent
from blender_addon.core.shot import Shot
from blender_addon.core.shot_file import encode_shot
from server.data.motorcycle import Motorcycle
from server.engines.engine import Paused, ResumableEngine, StepReport
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.sources import RandomWeights, Size
from server.realcam.config import ModelConfig
from server.service.checkpoints import FileCheckpoints
from tests.server.engines.test_realcam_engine import path, shot_of
from tests.server.service.running_server import RunningServer, new_id

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
    return shot_of(bike, path(6, 128, 64), **options)


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
    while clip is None:
        stop, attempt = Pausing(10**9), len(sampled)

        def report(step: StepReport, stop: Pausing = stop, attempt: int = attempt) -> None:
            if step.stage == "Sampling" and step.step not in sampled[attempt:]:
                sampled.append(step.step)
                stop.at = 0

        with suppress(Paused):
            clip = engine.generate_resumable(shot, report, FileCheckpoints(tmp_path, stop))
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
            changed(shot), lambda r: steps.append(r.step), FileCheckpoints(tmp_path, Pausing(undisturbed[1] // 3))
        )
    assert 1 in steps, "it began at the first step"


def test_other_weights_do_not_go_on(bike: Motorcycle, tmp_path: Path) -> None:
    """Nor another precision, nor another number of threads: each changes the last bits."""
    import torch

    from server.engines.realcam.shot_checkpoint import clip_digest
    from server.realcam.config import TINY
    from server.realcam.model import random_model
    from server.realcam.tokenizer import ByteTokenizer

    shot = shot_of(bike, path(2, 128, 64))
    model = random_model(TINY, ByteTokenizer(TINY.clip.vocabulary))
    digests = {clip_digest(shot, model, "1", "plain"), clip_digest(shot, model, "2", "plain")}
    digests.add(clip_digest(shot, model, "1", "small"))
    digests.add(clip_digest(shot, replace(model, weights_hash="other"), "1", "plain"))
    digests.add(clip_digest(shot, random_model(TINY, model.tokenizer, dtype=torch.bfloat16), "1", "plain"))
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    digests.add(clip_digest(shot, model, "1", "plain"))
    torch.set_num_threads(threads)
    assert len(digests) == 6
    assert clip_digest(shot, model, "1", "plain") in digests


@pytest.mark.parametrize("damage", [b"", b"\x80\x04pickle", b"\xff" * 64])
def test_a_damaged_checkpoint_is_no_checkpoint(damage: bytes) -> None:
    import torch

    from server.engines.realcam.shot_checkpoint import decode_state

    assert decode_state(damage, bytes(32), torch.device("cpu")) is None


class TestInAServer:
    """A real server and its worker process."""

    STEPS = 12

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[RunningServer]:
        engines = ("--engines", "tests.server.engines.quick_checkpoints:engines")
        server = RunningServer(tmp_path / "data", tmp_path / "config", engines).start()
        yield server
        server.stop()

    @pytest.fixture
    def blob(self, bike: Motorcycle) -> bytes:
        return encode_shot(shot_of(bike, path(4, 128, 64), steps=self.STEPS))

    def clip(self, server: RunningServer, blob: bytes, folder: Path, break_off: Callable[[], None]) -> list[int]:
        """Send the shot, break off in the middle of its sampling, fetch. The steps of each attempt but the first."""
        again: list[int] = []
        broken = False
        with server.client(patience=120.0) as client:
            job_id = new_id()
            client.submit(job_id, blob, "realcam")
            for event in client.follow(job_id):
                if isinstance(event, JobProgress):
                    progress = event.progress
                    if progress.attempt > 1 and progress.stage == "Sampling" and progress.step not in again:
                        again.append(progress.step)
                    if progress.step >= self.STEPS // 2 and not broken:
                        broken = True
                        break_off()
                elif event.state.final:
                    assert event.state is JobState.DONE, event.reason
                else:
                    assert isinstance(event, StateEvent)
            client.fetch(job_id, folder)
        return again

    @pytest.mark.parametrize("way", ["worker killed", "server killed", "graceful stop"])
    def test_the_same_clip(self, server: RunningServer, blob: bytes, tmp_path: Path, way: str) -> None:
        def break_off() -> None:
            assert server.process is not None
            if way == "worker killed":
                (worker,) = psutil.Process(server.process.pid).children()
                os.kill(worker.pid, signal.SIGKILL)
            elif way == "server killed":
                server.kill()
                server.start()
            else:
                server.process.send_signal(signal.SIGTERM)
                assert server.wait() == 0
                server.start()

        assert self.clip(server, blob, tmp_path / "undisturbed", lambda: None) == []
        again = self.clip(server, blob, tmp_path / "broken", break_off)
        assert again, "there was a second attempt"
        assert min(again) >= self.STEPS // 2, "which did not begin anew"
        pictures = [sorted((tmp_path / name).rglob("*.png")) for name in ("undisturbed", "broken")]
        assert len(pictures[0]) == 4
        assert [p.read_bytes() for p in pictures[0]] == [p.read_bytes() for p in pictures[1]]
