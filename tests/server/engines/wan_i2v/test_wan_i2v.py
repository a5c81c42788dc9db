"""The engine `wan-i2v` on a tiny network with random weights: everything but what the picture shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Cancelled, Paused, ResumableEngine
from server.engines.pipelines.sources import RandomPipeline
from server.engines.wan_i2v.engine import WanEngine
from server.engines.wan_i2v.first_picture import first_picture
from server.engines.wan_i2v.random_pipeline import save_random_pipeline
from server.engines.wan_i2v.rule import NAME, RULE
from server.service.workers.checkpoints import FileCheckpoints
from tests.support.shots import realcam_shot, sideways, with_options

FRAMES, STEPS, SIZE = 7, 4, (120, 72)
"""Neither a frame count nor a size that the network makes."""


@pytest.fixture(scope="module")
def engine() -> WanEngine:
    return WanEngine([RandomPipeline(NAME, save_random_pipeline)])


def wan_shot(bike: Motorcycle, trajectory: Trajectory, **options: object) -> Shot:
    made = realcam_shot(bike, trajectory)
    settings = msgspec.structs.replace(made.settings, engine=NAME, options={"steps": STEPS})
    return with_options(replace(made, settings=settings), **options)


def seen_on_the_left(shot: Shot, columns: int) -> Shot:
    """The shot whose preview shows that much of each frame, and nothing else."""
    preview = shot.preview.copy()
    preview[..., 3] = np.where(np.arange(preview.shape[2]) < columns, 255, 0)
    return replace(shot, preview=preview)


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    return seen_on_the_left(wan_shot(bike, sideways(FRAMES, *SIZE), hold_until=0.8), 72)


@pytest.fixture(scope="module")
def frames(engine: WanEngine, shot: Shot) -> UInt8:
    return engine.generate(shot, lambda _: None).frames


def ignored(_: JobProgress) -> None:
    """Progress that nobody reads."""


def test_the_clip_has_the_artist_s_frames_and_size(engine: WanEngine, shot: Shot) -> None:
    told: list[JobProgress] = []
    clip = engine.generate(shot, told.append)
    assert clip.frames.shape == (FRAMES, SIZE[1], SIZE[0], 3)
    assert [step.done for step in told if step.stage == "Sampling" and step.preview is not None] == [1, 2, 3, 4]
    assert clip.metadata.engine == NAME
    assert clip.metadata.draft


@pytest.mark.parametrize(("hold", "solver"), [("dual", "unipc"), ("clean", "euler")])
def test_stopped_after_any_step_it_becomes_the_same_clip(
    engine: WanEngine, shot: Shot, tmp_path: Path, hold: str, solver: str
) -> None:
    assert isinstance(engine, ResumableEngine)
    held = with_options(shot, hold=hold, solver=solver, steps=3)
    whole = engine.generate(held, ignored).frames
    begun: list[int] = []
    clip = None
    while clip is None:
        told: list[int] = []

        def report(step: JobProgress, told: list[int] = told) -> None:
            if step.stage == "Sampling":
                told.append(step.done)

        try:
            clip = engine.generate_resumable(held, report, FileCheckpoints(tmp_path, lambda: True))
        except Paused:
            begun.append(told[0])
    assert begun[:2] == [1, 2], "no step was taken twice"
    assert np.array_equal(clip.frames, whole)


def test_a_cancel_within_a_step_leaves_an_engine_that_works(engine: WanEngine, shot: Shot, frames: UInt8) -> None:
    def cancel(step: JobProgress) -> None:
        if step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.generate(shot, cancel)
    assert np.array_equal(engine.generate(shot, ignored).frames, frames)


def test_what_is_seen_is_held_and_only_that(engine: WanEngine, bike: Motorcycle) -> None:
    """Held to the end, the part that is seen is the preview as the VAE knows it, whatever the words and the seed."""
    camera = sideways(5, 192, 64, metres=0.0)
    seen = seen_on_the_left(wan_shot(bike, camera, hold="clean", hold_until=0.0), 96)
    other = replace(seen, settings=msgspec.structs.replace(seen.settings, seed=8, prompt="night"))
    one, two = (engine.generate(shot, ignored).frames[1:].astype(int) for shot in (seen, other))
    free = [engine.generate(with_options(shot, hold="off"), ignored).frames[1:].astype(int) for shot in (seen, other)]
    apart = [np.abs(first - second)[:, :, :64].mean() for first, second in ((one, two), free)]
    # The network that decodes looks at the whole picture, so that a little of the other part is seen in this one.
    assert apart[0] < 0.5 * apart[1]
    assert np.abs(one - two)[:, :, 128:].mean() > 2 * apart[0]


def test_the_clip_goes_on_from_the_photo_or_from_a_preview_that_shows_nearly_all(
    engine: WanEngine, bike: Motorcycle
) -> None:
    at_photo = wan_shot(bike, sideways(5, 128, 64))
    assert not np.array_equal(first_picture(at_photo), at_photo.preview[0, ..., :3])
    elsewhere = replace(
        at_photo, trajectory=replace(at_photo.trajectory, camera_to_world=at_photo.trajectory.camera_to_world[::-1])
    )
    whole = np.full_like(elsewhere.preview, 255)
    whole[..., :3] = elsewhere.preview[..., :3]
    whole[:, :2, :, 3] = 0
    clip = engine.generate(replace(elsewhere, preview=whole), ignored)
    assert any("goes on from the preview, which shows 97%" in note for note in clip.notes)
    whole[:, :16, :, 3] = 0
    with pytest.raises(EngineError, match="no first picture to go on from"):
        engine.generate(replace(elsewhere, preview=whole), ignored)


def test_a_preview_with_nothing_to_hold_or_nothing_to_make_is_refused(engine: WanEngine, shot: Shot) -> None:
    preview = shot.preview.copy()
    preview[..., 3] = 0
    with pytest.raises(EngineError, match="shows nothing of the photo"):
        engine.generate(replace(shot, preview=preview), ignored)
    assert len(engine.generate(with_options(replace(shot, preview=preview), hold="off"), ignored).frames) == FRAMES
    preview[..., 3] = 255
    covered = replace(shot, preview=preview)
    with pytest.raises(EngineError, match="Nothing is left for the model to make"):
        engine.generate(with_options(covered, hold_until=0.0), ignored)


def test_one_frame_is_a_clip_too(engine: WanEngine, bike: Motorcycle) -> None:
    """It is the photo's own: there is nothing after it to hold."""
    assert len(engine.generate(wan_shot(bike, sideways(1, 128, 64)), ignored).frames) == 1


def test_the_network_s_sizes(engine: WanEngine) -> None:
    """Frames of 16 x 16 cells, two of which the network takes together."""
    assert (RULE.frame_step, RULE.multiple) == (4, 32)
    assert all(width % 32 == 0 or height % 32 == 0 for width, height in engine.capability.sizes)
