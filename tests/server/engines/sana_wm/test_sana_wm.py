"""The engine `sana-wm` on a tiny network with random weights: everything but what the picture shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

import torch

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Cancelled, Paused
from server.engines.pipelines import runner
from server.engines.pipelines.memory.plans import ChosenPlan, Demand
from server.engines.pipelines.sources import RandomPipeline
from server.engines.sana_wm.adapter import SanaAdapter
from server.engines.sana_wm.engine import SanaEngine
from server.engines.sana_wm.random_pipeline import save_random_pipeline
from server.engines.sana_wm.random_refiner import save_random_refiner
from server.engines.sana_wm.refiner import SanaRefiner
from server.engines.sana_wm.rule import NAME, RANDOM_RULE, REFINER
from server.engines.sana_wm.settings import read_settings
from server.service.workers.checkpoints import FileCheckpoints
from tests.support.shots import realcam_shot, sideways, with_options

STEPS = 3
REFINER_SOURCE = RandomPipeline(REFINER, save_random_refiner)


@pytest.fixture(scope="module")
def engine() -> SanaEngine:
    return SanaEngine([RandomPipeline(NAME, save_random_pipeline)], REFINER_SOURCE)


def sana_shot(bike: Motorcycle, trajectory: Trajectory, **options: object) -> Shot:
    made = realcam_shot(bike, trajectory)
    settings = msgspec.structs.replace(made.settings, engine=NAME, options={"steps": STEPS, **options})
    return replace(made, settings=settings)


def moved(shot: Shot, metres: float) -> Shot:
    """The shot with its camera so far to the right."""
    poses = shot.trajectory.camera_to_world.copy()
    poses[:, 0, 3] += metres
    return replace(shot, trajectory=replace(shot.trajectory, camera_to_world=poses))


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    return sana_shot(bike, sideways(6, 120, 64, metres=0.1))


def ignored(_: JobProgress) -> None:
    """Progress that nobody reads."""


def test_the_clip_has_the_artist_s_frames_and_size(engine: SanaEngine, shot: Shot) -> None:
    told: list[JobProgress] = []
    clip = engine.generate(shot, told.append)
    assert clip.frames.shape == (6, 64, 120, 3)
    assert [step.done for step in told if step.stage == "Sampling" and step.preview is not None] == [1, 2, 3]
    assert clip.notes == ()


def test_another_camera_is_another_clip(engine: SanaEngine, shot: Shot) -> None:
    """The poses arrive: also their scale, and the lens of each frame."""
    poses = shot.trajectory.camera_to_world.copy()
    poses[:, 2, 3] = poses[:, 0, 3]
    lenses = shot.trajectory.intrinsics.copy()
    lenses[1:, [0, 1], [0, 1]] *= 1.5
    clips = [
        engine.generate(made, ignored).frames
        for made in (
            shot,
            replace(shot, trajectory=replace(shot.trajectory, camera_to_world=poses)),
            replace(shot, trajectory=replace(shot.trajectory, intrinsics=lenses)),
            with_options(shot, scale=8.0),
        )
    ]
    assert all(not np.array_equal(clips[0], other) for other in clips[1:])


@pytest.mark.parametrize(("hold", "metres"), [("off", 0.0), ("dual", 0.3)])
def test_stopped_after_any_step_it_becomes_the_same_clip(
    engine: SanaEngine, shot: Shot, tmp_path: Path, hold: str, metres: float
) -> None:
    preview = shot.preview.copy()
    preview[..., 3] = np.where(np.arange(preview.shape[2]) < 100, 255, 0)
    held = with_options(moved(replace(shot, preview=preview), metres), hold=hold, hold_until=0.7, begin_until=0.9)
    whole = engine.generate(held, ignored)
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
    assert np.array_equal(clip.frames, whole.frames)
    assert ("8 frames from there to it were made" in " ".join(clip.notes)) == (metres > 0)


def test_too_far_from_the_photo_is_refused_before_anything_is_made(engine: SanaEngine, shot: Shot) -> None:
    with pytest.raises(EngineError, match="longer than the model makes"):
        engine.generate(moved(shot, 60.0), ignored)


def test_the_memory_plan_counts_the_frames_of_the_way_to_the_shot(shot: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are generated with it: 6 frames that begin 0.9 m from the photo are 9, and 23 before them."""
    asked: list[Demand] = []

    def refuse(_sizes: object, demand: Demand, *_: object) -> ChosenPlan:
        asked.append(demand)
        raise EngineError("Refused")

    monkeypatch.setattr(runner, "choose_plan", refuse)
    for metres in (0.0, 0.9):
        with pytest.raises(EngineError, match="Refused"):
            SanaEngine([RandomPipeline(NAME, save_random_pipeline, draft=False)], REFINER_SOURCE).generate(
                moved(shot, metres), ignored
            )
    assert [demand.frames for demand in asked] == [9, 33]


def test_a_lens_far_wider_than_the_photo_s_is_refused_before_anything_is_loaded(engine: SanaEngine, shot: Shot) -> None:
    lenses = shot.trajectory.intrinsics.copy()
    lenses[:, [0, 1], [0, 1]] /= 50
    told: list[JobProgress] = []
    with pytest.raises(EngineError, match="far wider than the photo's"):
        engine.generate(replace(shot, trajectory=replace(shot.trajectory, intrinsics=lenses)), told.append)
    assert not told


def test_the_vae_decodes_in_32_bits_whatever_the_network_computes_in(tmp_path: Path) -> None:
    """The refiner's too, which is the same."""
    save_random_pipeline(tmp_path)
    adapter = SanaAdapter(read_settings({}), RANDOM_RULE)
    exact, half = (adapter.load(tmp_path, dtype) for dtype in (torch.float32, torch.bfloat16))
    refiner = SanaRefiner(REFINER_SOURCE, lambda _: slice(None)).load(REFINER_SOURCE.folder(), tmp_path, torch.bfloat16)
    latents = torch.randn((1, 4, 3, 8, 15), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = exact._decode_latents(latents)
        for pipe in (half, refiner):
            assert (pipe.transformer.dtype, pipe.vae.dtype) == (torch.bfloat16, torch.float32)
            assert torch.equal(pipe._decode_latents(latents), wanted)


def test_a_cancel_ends_it_within_a_step(engine: SanaEngine, shot: Shot) -> None:
    def cancel(step: JobProgress) -> None:
        if step.stage == "Sampling":
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.generate(shot, cancel)
