"""What reaches the network: diffusers' pipeline with our conditions, whose every error it would swallow silently."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

import torch
from diffusers import WanVACEPipeline

from blender_addon.core.errors import EngineError
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Cancelled
from server.engines.pipelines.loading import ENCODER, load_pipeline
from server.engines.pipelines.runner import PipelineRunner
from server.engines.pipelines.sources import RandomPipeline
from server.engines.vace.adapter import VaceAdapter
from server.engines.vace.pipeline import ShotVacePipeline
from server.engines.vace.random_pipeline import save_random_pipeline
from server.engines.vace.settings import read_settings
from tests.support.engines.pipeline_shots import holed_shot

FAST = {"steps": 1, "guidance": 1.0, "margin": 0}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> RandomPipeline:
    return RandomPipeline("vace", save_random_pipeline)


@pytest.fixture(scope="module")
def pipe(source: RandomPipeline) -> Any:
    return VaceAdapter(read_settings({})).load(source.folder(), torch.float32)


@pytest.fixture
def runner(source: RandomPipeline, pipe: Any) -> PipelineRunner:
    runner = PipelineRunner(source, "code")
    runner._current_weights()  # else the first shot would forget the pipe as one of other weights
    runner._pipe = pipe
    return runner


def controls(runner: PipelineRunner, bike: Motorcycle, frames: int, **options: Any) -> torch.Tensor:
    """What the network is given as control for a shot of so many frames, [96, latents, 6, 8]."""
    seen: list[torch.Tensor] = []
    hook = runner._pipe.transformer.register_forward_pre_hook(
        lambda _network, _inputs, given: seen.append(given["control_hidden_states"][0]), with_kwargs=True
    )
    shot = holed_shot(bike, "vace", frames=frames, **{**FAST, **options})
    try:
        clip = runner.run(shot, VaceAdapter(read_settings(shot.settings.options)), lambda _: None)
    finally:
        hook.remove()
    assert clip.frames.shape == (frames, 40, 64, 3)
    return seen[0]


@pytest.mark.parametrize("frames", [5, 6])
def test_counts_and_sizes_fit_each_other(runner: PipelineRunner, bike: Motorcycle, frames: int) -> None:
    """64 x 40 pixels and 6 frames: neither is what the network makes, and nothing would say so."""
    latents = 1 + -(-(frames - 1) // 4)
    assert controls(runner, bike, frames, reference=False).shape == (96, latents, 6, 8)


def test_a_latent_s_mask_is_the_union_of_its_frames_holes(runner: PipelineRunner, bike: Motorcycle) -> None:
    """Channels 32 to 95 are the 8 x 8 pixels of a latent. Frame k lacks 4 k columns of 64."""
    control = controls(runner, bike, 9, reference=True)
    masks = control[32:].reshape(8, 8, 4, 6, 8)
    assert (masks[:, :, 0] == 0).all(), "the reference's latent in front is kept"
    rows = masks[4, :, 1:, 3].permute(1, 2, 0).reshape(3, 64)
    assert rows.sum(dim=1).tolist() == [0, 16, 32]
    assert (rows[1, 48:] == 1).all()


@pytest.mark.parametrize("frames", [1, 5, 17, 81])
def test_the_mask_in_time_is_exact_where_diffusers_takes_one_frame(pipe: Any, frames: int) -> None:
    """Hole n is in frame n alone: which latents know of it."""
    mask = torch.zeros(1, 3, frames, 16, 16 * frames)
    for frame in range(frames):
        mask[:, :, frame, :, 16 * frame : 16 * frame + 16] = 1

    def latents_of(prepared: torch.Tensor) -> list[list[int]]:
        return [sorted({int(k) for k in prepared[0, :, :, :, 2 * n].nonzero()[:, 1]}) for n in range(frames)]

    assert latents_of(pipe.prepare_masks(mask, [[]])) == [[(n + 3) // 4] for n in range(frames)]
    theirs = latents_of(WanVACEPipeline.prepare_masks(pipe, mask, [[]]))
    assert sum(map(bool, theirs)) == (frames + 3) // 4, "of the others they know nothing"
    if frames == 81:
        assert (theirs[0], theirs[1], theirs[5]) == ([], [0], [1]), "and those are not always the latent's own"


def test_the_conditions_arrive_as_they_were_meant(pipe: Any) -> None:
    """diffusers' own preparation changes neither a pixel of the video nor of the mask; grey becomes exactly 0."""
    draw = np.random.default_rng(0)
    mask = (draw.random((1, 5, 32, 48, 1)) > 0.5).astype(np.float32)
    video = np.where(mask == 1, np.float32(0.5), draw.random((1, 5, 32, 48, 3), np.float32))
    prepared, masks, _ = pipe.preprocess_conditions(video, mask, None, 1, 32, 48, 5, torch.float32, "cpu")
    assert prepared.shape == (1, 3, 5, 32, 48)
    assert torch.equal(prepared, torch.from_numpy(video).permute(0, 4, 1, 2, 3) * 2 - 1)
    assert torch.equal(masks[:, :1], torch.from_numpy(mask).permute(0, 4, 1, 2, 3))
    assert prepared[masks.expand_as(prepared) == 1].abs().max() == 0


def test_the_reference_is_not_part_of_the_clip(runner: PipelineRunner, bike: Motorcycle) -> None:
    with_it, without = (controls(runner, bike, 5, reference=reference) for reference in (True, False))
    assert with_it.shape[1] == without.shape[1] + 1
    assert (with_it[16:32, 0] == 0).all()
    assert with_it[:16, 0].abs().max() > 0
    assert torch.allclose(with_it[:, 1:], without, atol=1e-5)


def test_frames_that_vanish_are_noticed(
    runner: PipelineRunner, bike: Motorcycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they did where an offload hook copied the lists that Wan's VAE keeps."""
    decode = runner._pipe.vae.decode
    monkeypatch.setattr(runner._pipe.vae, "decode", lambda *args, **more: (decode(*args, **more)[0][:, :, :1],))
    with pytest.raises(EngineError, match=r"other frames than it was asked for.*1 of 64 x 48 pixels in place of 5"):
        controls(runner, bike, 5)


def test_a_cancel_leaves_a_step_in_the_middle_and_everything_in_order(
    runner: PipelineRunner, bike: Motorcycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.engines.pipelines.watch.POLL_SECONDS", 0.0)
    blocks: list[int] = []
    hooks = [block.register_forward_hook(lambda *_: blocks.append(1)) for block in runner._pipe.transformer.blocks]
    freed: list[int] = []
    monkeypatch.setattr(runner._pipe, "maybe_free_model_hooks", lambda: freed.append(1))

    def cancel(_progress: JobProgress) -> None:
        if blocks:
            raise Cancelled

    shot = holed_shot(bike, "vace", **FAST)
    with pytest.raises(Cancelled):
        runner.run(shot, VaceAdapter(read_settings(shot.settings.options)), cancel)
    assert len(blocks) == 1, "the second of the network's blocks was not run"
    assert freed == [1]
    for hook in hooks:
        hook.remove()
    assert all(not part._forward_pre_hooks for part in runner._pipe.transformer.modules())
    assert controls(runner, bike, 5).shape[1] == 3, "and the next shot is made"


def test_the_text_encoder_is_loaded_alone_and_the_network_without_it(source: RandomPipeline, pipe: Any) -> None:
    encoder = VaceAdapter(read_settings({})).load_encoder(source.folder(), torch.float32)
    assert encoder.text_encoder is not None
    assert encoder.transformer is encoder.vae is None
    assert pipe.text_encoder is pipe.tokenizer is None
    assert isinstance(pipe, ShotVacePipeline)


def test_damaged_weights_are_said(source: RandomPipeline, tmp_path: Path) -> None:
    """The client reads which file it is, and no folder of the server's."""
    folder = tmp_path / "the weights"
    with pytest.raises(EngineError, match="files cannot be loaded") as nothing:
        load_pipeline(ShotVacePipeline, folder, torch.float32, ())
    shutil.copytree(source.folder(), folder)
    (folder / "transformer" / "config.json").unlink()
    with pytest.raises(EngineError, match="files cannot be loaded") as torn:
        load_pipeline(ShotVacePipeline, folder, torch.float32, ENCODER)
    for error in (nothing, torn):
        assert str(tmp_path) not in error.value.sentence
        assert "/" not in error.value.why, error.value.why
