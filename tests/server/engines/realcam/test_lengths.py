"""Clips of any length and in portrait, through the engine `realcam` and `realcam generate`, one tiny random model."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

from blender_addon.core.camera.formats import write_trajectory
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.cli import app
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Cancelled
from server.engines.random_weights import RANDOM_WEIGHTS
from server.engines.realcam import progress
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.sources import RandomWeights, Size
from server.model.sampling.segments import plan_segments
from tests.support.shots import realcam_shot, sideways

WIDTH, HEIGHT, STEPS = 64, 128, 2


class Portrait(RandomWeights):
    """The tiny model for the smallest picture that stands upright."""

    def sizes(self) -> tuple[Size, ...]:
        return ((WIDTH, HEIGHT),)


@pytest.fixture(scope="module")
def engine() -> RealCamEngine:
    return RealCamEngine(Portrait("tiny"))


def portrait(bike: Motorcycle, frames: int) -> Shot:
    return realcam_shot(bike, sideways(frames, WIDTH, HEIGHT), steps=STEPS, guidance=1.0, shaping_until=990)


SLOW = [pytest.param(frames, marks=(pytest.mark.slow, pytest.mark.timeout(3600))) for frames in (15, 33, 100)]


@pytest.mark.parametrize("frames", [2, 17, *SLOW])
def test_a_portrait_of_any_length(engine: RealCamEngine, bike: Motorcycle, frames: int) -> None:
    """Every frame in its size; steps are counted over all segments, each once."""
    reports: list[JobProgress] = []
    clip = engine.generate(portrait(bike, frames), reports.append)
    assert clip.frames.shape == (frames, HEIGHT, WIDTH, 3)
    assert (clip.frames.std(axis=(1, 2, 3)) > 1.0).all(), "none was left blank"
    assert len(clip.metadata.camera_to_world) == frames
    whole = len(plan_segments(frames)) * STEPS
    sampled = [report for report in reports if report.stage == "Sampling"]
    assert {report.total for report in sampled} == {whole}
    assert sorted({report.done for report in sampled}) == list(range(1, whole + 1))
    assert [report.done for report in reports] == sorted(report.done for report in reports)


def test_one_frame_is_no_clip(engine: RealCamEngine, bike: Motorcycle) -> None:
    with pytest.raises(EngineError, match=r"one frame has no motion.*needs 2 frames or more"):
        engine.generate(portrait(bike, 1), lambda _: None)


@pytest.mark.parametrize("done", [1, STEPS + 1], ids=["first", "second"])
def test_cancelled_within_a_step_of_any_segment(
    engine: RealCamEngine, bike: Motorcycle, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """Asked for in the step after `done`, it ends there: between the network's blocks, not when the step is over."""
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.0)
    seen: list[int] = []

    def report(step: JobProgress) -> None:
        seen.append(step.done)
        if seen.count(done) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.generate(portrait(bike, 17), report)
    assert max(seen) == done


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("frames", [17, 100])
def test_generated_without_blender(
    bike: Motorcycle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    """`realcam generate` of the motorcycle turned on its side, photo and depth, at a portrait size it offers."""
    monkeypatch.setenv(RANDOM_WEIGHTS, "")
    Image.fromarray(np.rot90(bike.photo)).save(tmp_path / "photo.png")
    depth = np.ascontiguousarray(np.rot90(bike.depth))
    np.save(tmp_path / "depth.npy", depth)
    height, width = depth.shape
    lens = [[994.978, 0, width / 2], [0, 994.978, height / 2], [0, 0, 1]]
    write_trajectory(
        tmp_path / "poses.txt", Trajectory(sideways(frames).camera_to_world, np.array(lens), width, height, fps=24.0)
    )
    words = ["generate", "--engine=realcam", "--random-weights", "--size=128x192", f"--frames={frames}"]
    files = {"photo": "photo.png", "depth": "depth.npy", "trajectory": "poses.txt", "out": "clip.mp4"}
    words += [f"--{name}={tmp_path / file}" for name, file in files.items()]
    words += [f"--intrinsics=994.978,994.978,{width / 2},{height / 2}"]
    for option in ("steps=1", "guidance=1", "shaping_until=990"):
        words += ["--option", option]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    with av.open(str(tmp_path / "clip.mp4")) as video:
        pictures = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(pictures) == frames
    assert {picture.shape for picture in pictures} == {(192, 128, 3)}
