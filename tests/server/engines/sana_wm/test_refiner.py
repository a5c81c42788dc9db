"""SANA-WM's refiner on tiny networks with random weights: its steps, blocks, frames, and the way on after a stop."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Cancelled, Paused
from server.engines.pipelines.sources import InstalledPipeline, RandomPipeline
from server.engines.sana_wm.adapter import SanaAdapter
from server.engines.sana_wm.engine import SanaEngine
from server.engines.sana_wm.random_pipeline import save_random_pipeline
from server.engines.sana_wm.random_refiner import save_random_refiner
from server.engines.sana_wm.rule import NAME, REFINER
from server.service.workers.checkpoints import FileCheckpoints
from tests.support.shots import realcam_shot, sideways, with_options

STEPS = 2
BLOCKS, BLOCK_STEPS = 3, 3
"""17 frames are a first latent and eight more of two frames each, three of which are refined at once."""
ALL_STEPS = STEPS + BLOCKS * BLOCK_STEPS


def made_engine() -> SanaEngine:
    return SanaEngine([RandomPipeline(NAME, save_random_pipeline)], RandomPipeline(REFINER, save_random_refiner))


@pytest.fixture(scope="module")
def engine() -> SanaEngine:
    return made_engine()


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    made = realcam_shot(bike, sideways(15, 120, 64, metres=0.1))
    settings = msgspec.structs.replace(made.settings, engine=NAME, options={"steps": STEPS, "refine": True})
    return replace(made, settings=settings)


def ignored(_: JobProgress) -> None:
    """Progress that nobody reads."""


def test_what_it_refines_is_another_clip_of_as_many_frames(engine: SanaEngine, shot: Shot) -> None:
    """The photo's frame stays; whatever comes after it is refined, and no frame moves or gets lost."""
    told: list[JobProgress] = []
    refined = engine.generate(shot, told.append)
    plain = engine.generate(with_options(shot, refine=False), ignored)
    assert refined.frames.shape == plain.frames.shape == (15, 64, 120, 3)
    changed = [not np.array_equal(*pair) for pair in zip(refined.frames, plain.frames, strict=True)]
    assert all(changed[1:])
    again = engine.generate(shot, ignored)
    assert np.array_equal(again.frames, refined.frames)
    steps = [step.done for step in told if step.stage in ("Sampling", "Refining")]
    assert sorted(set(steps)) == list(range(1, ALL_STEPS + 1))
    assert {step.total for step in told} == {ALL_STEPS}
    assert [step.done for step in told if step.stage == "Refining" and step.preview is not None] == [5, 8, 11]
    assert "refined by memory plan whole" in refined.metadata.engine_version
    assert refined.metadata.weights_hash == "random-tiny-sana-wm + random-tiny-sana-wm-refiner"


def test_a_shot_that_begins_elsewhere_keeps_its_frames(engine: SanaEngine, shot: Shot) -> None:
    poses = shot.trajectory.camera_to_world[:5].copy()
    poses[:, 0, 3] += 0.1
    camera = replace(shot.trajectory, camera_to_world=poses, intrinsics=shot.trajectory.intrinsics[:5])
    clip = engine.generate(replace(shot, trajectory=camera, preview=shot.preview[:5]), ignored)
    assert clip.frames.shape == (5, 64, 120, 3)


def test_stopped_after_any_step_or_block_it_becomes_the_same_clip(
    engine: SanaEngine, shot: Shot, tmp_path: Path
) -> None:
    whole = engine.generate(shot, ignored)
    begun: list[int] = []
    clip = None
    while clip is None:
        told: list[int] = []

        def report(step: JobProgress, told: list[int] = told) -> None:
            if step.stage in ("Sampling", "Refining"):
                told.append(step.done)

        try:
            clip = engine.generate_resumable(shot, report, FileCheckpoints(tmp_path, lambda: True))
        except Paused:
            begun.append(told[0])
    # After the first pipeline's steps but the last, once its latents are there, and after each block but the last.
    assert begun == [1, 2, 3, 6]
    assert np.array_equal(clip.frames, whole.frames)


def test_gone_on_with_in_the_refiner_the_first_network_s_words_are_not_read_again(
    engine: SanaEngine, shot: Shot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text encoder has gigabytes. What it left out of the prompt is said all the same."""
    wordy = replace(shot, settings=msgspec.structs.replace(shot.settings, prompt="a street " * 400))
    whole = engine.generate(wordy, ignored)
    # Twice at a step, once with all of the first network's latents.
    for _ in range(STEPS):
        with pytest.raises(Paused):
            engine.generate_resumable(wordy, ignored, FileCheckpoints(tmp_path, lambda: True))

    def unread(*_: object) -> None:
        raise AssertionError("the first network's text encoder was loaded")

    monkeypatch.setattr(SanaAdapter, "load_encoder", unread)
    clip, other = None, made_engine()
    while clip is None:
        with suppress(Paused):
            clip = other.generate_resumable(wordy, ignored, FileCheckpoints(tmp_path, lambda: True))
    assert np.array_equal(clip.frames, whole.frames)
    assert clip.notes == whole.notes != ()


def test_a_cancel_ends_it_within_a_block(engine: SanaEngine, shot: Shot) -> None:
    def cancel(step: JobProgress) -> None:
        if step.stage == "Refining":
            assert step.done == STEPS + 1
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.generate(shot, cancel)


def test_without_its_weights_it_is_refused_in_words_and_the_clip_can_be_made_without(
    shot: Shot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    engine = SanaEngine([RandomPipeline(NAME, save_random_pipeline)], InstalledPipeline(REFINER))
    with pytest.raises(EngineError, match=r"run `realcam weights get sana-wm-refiner`.*Or switch Refine off"):
        engine.generate(shot, ignored)
