"""The engine `vace` end to end, with a tiny pipeline of random weights."""

from __future__ import annotations

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
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

import torch

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.seen_drift import SeenDrift
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.compositing.feather import broad_feather, feather
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Paused
from server.engines.machine_memory import GB, Machine
from server.engines.pipelines import runner
from server.engines.pipelines.fitting.clip_rule import ClipRule
from server.engines.pipelines.memory import need
from server.engines.pipelines.memory.plans import WHOLE, Demand, MemoryPlan
from server.engines.pipelines.sampling import frames_of
from server.engines.pipelines.sources import RandomPipeline
from server.engines.pipelines.task import task_of
from server.engines.random_weights import RANDOM_WEIGHTS
from server.engines.sana_wm import engine as sana_wm
from server.engines.vace import adapter
from server.engines.vace import engine as vace_engine
from server.engines.vace.engine import VaceEngine
from server.engines.vace.random_pipeline import save_random_pipeline
from server.engines.vace.settings import read_settings
from server.engines.vace.sources import chosen_sources
from server.engines.wan_i2v import engine as wan_i2v
from tests.support.engines.pipeline_shots import holed_shot
from tests.support.shots import with_options


@pytest.fixture(scope="module")
def engine() -> VaceEngine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RANDOM_WEIGHTS, "tiny")
        return VaceEngine(chosen_sources())


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    return holed_shot(bike, "vace", frames=6)


class Kept:
    """Checkpoints in memory; the server stops at the given save."""

    def __init__(self, stop_at: int) -> None:
        self.data: bytes | None = None
        self._left = stop_at

    def load(self) -> bytes | None:
        return self.data

    def due(self) -> bool:
        return True

    def save(self, data: bytes) -> None:
        self.data = data
        self._left -= 1
        if self._left == 0:
            raise Paused


@pytest.fixture(scope="module")
def made(engine: VaceEngine, shot: Shot) -> tuple[np.ndarray, list[JobProgress]]:
    reports: list[JobProgress] = []
    clip = engine.generate(shot, reports.append)
    assert clip.frames.shape == (6, 40, 64, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.metadata.weights_hash == "random-tiny-vace"
    assert clip.metadata.draft, "random weights are never taken for a result"
    assert clip.metadata.settings == shot.settings
    assert "diffusers" in clip.metadata.engine_version
    return clip.frames, reports


def test_progress_and_pictures_on_the_way(made: tuple[np.ndarray, list[JobProgress]]) -> None:
    _, reports = made
    stages = list(dict.fromkeys(report.stage for report in reports))
    assert stages == [
        "Reading the words",
        "Loading the model (random weights)",
        "Encoding the shot",
        "Sampling",
        "Decoding",
    ]
    steps = [report.done for report in reports]
    assert steps == sorted(steps)
    assert (steps[-1], reports[-1].total) == (2, 2)
    pictures = [report.preview for report in reports if report.preview is not None]
    assert len(pictures) == 2
    assert pictures[0].shape == (48, 64, 3)


def test_what_the_photo_sees_is_laid_back_where_that_is_asked_for(engine: VaceEngine, shot: Shot) -> None:
    """Over the artist's own frames, which are no multiple of 16."""
    options = {**shot.settings.options, "keep_seen": True}
    asked = replace(shot, settings=msgspec.structs.replace(shot.settings, options=options))
    reports: list[JobProgress] = []
    clip = engine.generate(asked, reports.append)
    assert reports[-1].stage == "Laying the photo back"
    weight = [feather(seen, None, broad_feather(64, 40)) for seen in shot.preview[..., 3] == 255]
    kept = np.stack(weight) == 255
    assert kept.mean() > 0.5
    assert np.array_equal(clip.frames[kept], shot.preview[kept, :3])
    assert isinstance(clip.metadata.seen_drift, SeenDrift)
    assert f"{clip.metadata.seen_drift.difference:.1f} of 255" in clip.notes[-1]


def test_seed_and_words_decide(engine: VaceEngine, shot: Shot, made: tuple[np.ndarray, list[JobProgress]]) -> None:
    def frames(**changed: object) -> np.ndarray:
        settings = msgspec.structs.replace(shot.settings, **changed)
        return engine.generate(replace(shot, settings=settings), lambda _: None).frames

    assert np.array_equal(frames(), made[0])
    assert not np.array_equal(frames(seed=4), made[0])
    assert not np.array_equal(frames(prompt="a lake at night"), made[0])
    assert not np.array_equal(frames(negative_prompt="a lake at night"), made[0])


SHORT = ClipRule(frame_step=4, multiple=16, most_frames=9, most_pixels=640 * 480)
"""Of whose frames a short shot takes two segments."""


@pytest.fixture(scope="module")
def undisturbed(engine: VaceEngine, bike: Motorcycle) -> dict[int, np.ndarray]:
    """The frames of shots in one segment and in two, by their number."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "RULE", SHORT)
        shots = {frames: holed_shot(bike, "vace", frames=frames, shared="5") for frames in (6, 13)}
        return {frames: engine.generate(shot, lambda _: None).frames for frames, shot in shots.items()}


@pytest.mark.parametrize(("frames", "stop_at"), [(6, 1), (13, 1), (13, 2), (13, 3)])
def test_a_stopped_server_goes_on_to_the_same_clip(
    engine: VaceEngine,
    bike: Motorcycle,
    undisturbed: dict[int, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    frames: int,
    stop_at: int,
) -> None:
    """In the first segment, between two, and in the second, whose first frames the first one made."""
    monkeypatch.setattr(adapter, "RULE", SHORT)
    shot = holed_shot(bike, "vace", frames=frames, shared="5")
    whole = undisturbed[frames]
    assert whole.shape == (frames, 40, 64, 3)
    kept = Kept(stop_at)
    with pytest.raises(Paused):
        engine.generate_resumable(shot, lambda _: None, kept)
    steps: list[int] = []
    again = engine.generate_resumable(shot, lambda report: steps.append(report.done), kept).frames
    assert np.array_equal(again, whole)
    assert [n for n in dict.fromkeys(steps) if n] == list(range(stop_at + 1, 3 if frames == 6 else 5)) or stop_at == 2


def test_a_checkpoint_of_another_shot_is_left_alone(engine: VaceEngine, shot: Shot) -> None:
    kept = Kept(1)
    with pytest.raises(Paused):
        engine.generate_resumable(shot, lambda _: None, kept)
    other = replace(shot, settings=msgspec.structs.replace(shot.settings, seed=9))
    steps: list[int] = []
    engine.generate_resumable(other, lambda report: steps.append(report.done), kept)
    assert 1 in steps, "it began at the first step"


def test_what_is_kept_is_held_where_that_is_asked_for(engine: VaceEngine, shot: Shot) -> None:
    """Held to the end, what the preview shows is nearly the same for every seed, and nothing else is."""
    other = replace(shot, settings=msgspec.structs.replace(shot.settings, seed=9))
    apart = {}
    for hold in ("off", "dual"):
        options = {"hold": hold, "hold_until": 0.0, "margin": 0}
        one, two = (engine.generate(with_options(made, **options), lambda _: None).frames for made in (shot, other))
        apart[hold] = np.abs(one.astype(int) - two)
    assert apart["dual"][..., :24, :].mean() < 0.5 * apart["off"][..., :24, :].mean()
    assert apart["dual"][..., 56:, :].mean() > 2 * apart["dual"][..., :24, :].mean()


def test_a_hold_leaves_the_latent_of_the_reference_alone(engine: VaceEngine, shot: Shot) -> None:
    """It is in front of the clip's, and the noise of the clip's begins after it."""
    made = adapter.VaceAdapter(read_settings({"hold": "noisy", "margin": 0}))
    task = task_of(shot, made)
    pipe = made.load(RandomPipeline("vace", save_random_pipeline).folder(), torch.float32)
    piece = task.piece(0, np.empty((0, 48, 64, 3), np.uint8))
    hold = made.scheduler(pipe, piece).hold
    assert hold is not None
    assert hold.latents.shape == hold.noise.shape == (1, 16, 1 + 3, 6, 8)
    assert hold.reach[:, :, 0].max() == hold.seen[:, :, 0].max() == 0
    assert hold.reach[:, :, 1:].min() == 1
    assert hold.seen[0, 0, 1].all(), "the first frame is the photo, all of it"
    assert not hold.seen[0, 0, 3, :, 5:].any(), "nor what the hole came to in the last frames"


def test_a_long_prompt_is_cut_and_said(engine: VaceEngine, shot: Shot) -> None:
    words = "word " * 102 + "forgotten"
    settings = msgspec.structs.replace(shot.settings, prompt=words)
    notes = engine.generate(replace(shot, settings=settings), lambda _: None).notes
    assert notes[0] == "The prompt was longer than the model reads: 'orgotten' was left out."


@pytest.mark.parametrize("frames", [1, 3])
def test_a_portrait_of_few_frames(engine: VaceEngine, bike: Motorcycle, frames: int) -> None:
    shot = holed_shot(bike, "vace", frames=frames)
    preview = np.ascontiguousarray(np.concatenate([shot.preview] * 2, axis=1)[:, :, :50])
    preview[:, :8, :, 3] = 0
    portrait = replace(shot, trajectory=replace(shot.trajectory, width=50, height=80), preview=preview)
    assert engine.generate(portrait, lambda _: None).frames.shape == (frames, 80, 50, 3)


def away(shot: Shot) -> Shot:
    poses = shot.trajectory.camera_to_world.copy()
    poses[:, 0, 3] += 1
    return replace(shot, trajectory=replace(shot.trajectory, camera_to_world=poses))


def test_what_no_clip_can_be_made_of_is_said(engine: VaceEngine, shot: Shot) -> None:
    nothing, everything = shot.preview.copy(), shot.preview.copy()
    nothing[..., 3], everything[..., 3] = 0, 255
    with pytest.raises(EngineError, match=r"shows nothing of the photo.*VACE knows the camera from"):
        engine.generate(away(replace(shot, preview=nothing)), lambda _: None)
    with pytest.raises(EngineError, match=r"Nothing is left for VACE to make.*covers every frame"):
        engine.generate(replace(shot, preview=everything), lambda _: None)
    clip = engine.generate(replace(shot, preview=nothing), lambda _: None)
    assert clip.notes == (
        "In 6 of 6 frames the preview shows nothing of the photo. VACE does not know the camera there.",
    )
    settings = msgspec.structs.replace(shot.settings, options={"shaping": "off"})
    with pytest.raises(EngineError, match="VACE has no option shaping"):
        engine.generate(replace(shot, settings=settings), lambda _: None)


def test_without_weights_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shot: Shot) -> None:
    monkeypatch.setenv(RANDOM_WEIGHTS, "")
    monkeypatch.setenv("REALCAM_WEIGHTS", str(tmp_path))
    bare = VaceEngine(chosen_sources())
    assert "realcam weights get vace" in bare.capability.unavailable
    assert "commercial use: yes" in bare.capability.licence
    assert not bare.capability.draft
    with pytest.raises(EngineError, match="VACE cannot run here"):
        bare.generate(shot, lambda _: None)


def test_a_plan_whose_memory_runs_out_gives_way_to_a_smaller_one(
    engine: VaceEngine, shot: Shot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PyTorch says it; what was loaded is not loaded again, and the clip says what its picture may show."""
    plans: list[str] = []
    place = runner.placed

    def short(pipe: Any, plan: MemoryPlan, device: torch.device) -> Any:
        plans.append(plan.name)
        if not plan.tiled:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return place(pipe, plan, device)

    monkeypatch.setattr(runner, "placed", short)
    clip = engine.generate(shot, lambda _: None)
    assert plans == ["whole", "whole-tiled"]
    assert "memory plan whole-tiled" in clip.metadata.engine_version
    assert clip.notes[-1].startswith("Memory was short")
    wished = engine.generate(with_options(shot, memory="group-tiled"), lambda _: None)
    assert wished.notes[-1].startswith("As the memory setting asks: the pictures were decoded in tiles")
    monkeypatch.setattr(runner, "placed", lambda *_: short(None, WHOLE, torch.device("cpu")))
    with pytest.raises(EngineError, match=r"ran out of memory.*64 x 48, 9 frames in the memory plan whole-tiled"):
        engine.generate(shot, lambda _: None)


def test_weights_that_are_replaced_while_the_server_runs_are_loaded_anew(
    shot: Shot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clip names the weights that made it, not those that came after."""
    source = RandomPipeline("vace", save_random_pipeline)
    made = VaceEngine([source])
    loaded: list[str] = []
    load = adapter.VaceAdapter.load
    monkeypatch.setattr(
        adapter.VaceAdapter, "load", lambda *given: (loaded.append(source.weights_hash()), load(*given))[1]
    )
    quick = with_options(shot, steps=1, guidance=1.0)
    for now in ("first", "first", "second"):
        monkeypatch.setattr(source, "weights_hash", lambda now=now: now)
        assert made.generate(quick, lambda _: None).metadata.weights_hash == now
    assert loaded == ["first", "second"]


@pytest.mark.parametrize(("free", "times"), [(1 * GB, 2), (64 * GB, 1)])
def test_the_network_makes_room_for_the_text_encoder_where_memory_is_short(
    shot: Shot, monkeypatch: pytest.MonkeyPatch, free: int, times: int
) -> None:
    monkeypatch.setattr(runner, "this_machine", lambda: Machine(memory=64 * GB, card=None))
    monkeypatch.setattr(runner, "free_machine_memory", lambda: free)
    loaded: list[str] = []
    load = adapter.VaceAdapter.load
    monkeypatch.setattr(adapter.VaceAdapter, "load", lambda *given: (loaded.append("network"), load(*given))[1])
    made = VaceEngine([RandomPipeline("vace", save_random_pipeline, draft=False)])
    for prompt in ("a street", "a lake"):
        quick = with_options(shot, steps=1, guidance=1.0)
        made.generate(replace(quick, settings=msgspec.structs.replace(quick.settings, prompt=prompt)), lambda _: None)
    assert len(loaded) == times


def test_a_picture_that_is_not_made_of_numbers_is_said() -> None:
    frames = np.full((3, 4, 5, 3), 0.5, np.float32)
    assert (frames_of(frames) == 128).all()
    frames[1, 2, 3] = np.nan
    with pytest.raises(EngineError, match=r"not made of numbers: frame 2 of 3"):
        frames_of(frames)


@pytest.mark.parametrize(
    ("name", "smallest"), [("vace", vace_engine.SMALLEST), ("wan-i2v", wan_i2v.SMALLEST), ("sana-wm", sana_wm.SMALLEST)]
)
def test_a_card_too_small_is_said_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, name: str, smallest: Demand
) -> None:
    monkeypatch.setattr(need, "this_machine", lambda: Machine(memory=64 * GB, card=2 * GB))
    assert f"{smallest.words}, its smallest clip, does not fit this machine" in need.too_small(name, smallest)
    monkeypatch.setattr(need, "this_machine", lambda: Machine(memory=128 * GB, card=80 * GB))
    assert need.too_small(name, smallest) == ""


def test_of_two_networks_the_artist_chooses(shot: Shot) -> None:
    """The one that is usual is the default; with one there is nothing to choose."""
    both = [RandomPipeline(name, save_random_pipeline) for name in ("vace", "vace-14b")]
    engine = VaceEngine(both)
    (option, *_) = engine.capability.options
    assert (option.name, option.default, option.choices) == ("weights", "vace", ("vace", "vace-14b"))
    for chosen, made in (({}, "vace"), ({"weights": "vace-14b"}, "vace-14b")):
        clip = engine.generate(with_options(shot, steps=1, guidance=1.0, **chosen), lambda _: None)
        assert clip.metadata.weights_hash == f"random-tiny-{made}"
    assert "weights" not in {option.name for option in VaceEngine(both[:1]).capability.options}
    with pytest.raises(EngineError, match="Network cannot be 'vace-14b'"):
        VaceEngine(both[:1]).generate(with_options(shot, weights="vace-14b"), lambda _: None)
