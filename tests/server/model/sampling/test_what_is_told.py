"""What the network is told of a segment beside its picture, if it was trained for it; the rest is held alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")

import torch
from torch import Tensor

from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import Branch, SeededNoise
from server.model.config import TINY
from server.model.model import RealCamModel, random_model
from server.model.sampling import shot_sampler
from server.model.sampling.conditions import ConcatStyle, Conditions
from server.model.sampling.shot_sampler import FixedFrame, Hooks, SamplingOptions, ShotInputs, sample_shot
from server.model.tokenizer import ByteTokenizer

SIDE, FRAMES = 64, 20
ENDING = 0.5


@pytest.fixture(scope="module")
def model() -> RealCamModel:
    return random_model(TINY, ByteTokenizer(TINY.clip.vocabulary))


def told(model: RealCamModel, monkeypatch: pytest.MonkeyPatch, frames: int, *forms: ConcatStyle) -> list[Tensor]:
    """The latents beside the noise of each segment of a shot of which the last frame is held."""
    given: list[Tensor] = []

    class Listener:
        def __init__(self, unet: object, conditions: Conditions, *_: object) -> None:
            given.append(conditions.concat)

        def __call__(self, latent: Tensor, timestep: int, branches: Sequence[Branch]) -> list[Tensor]:
            return [latent for _ in branches]

    monkeypatch.setattr(shot_sampler, "BoundDenoiser", Listener)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 1, frames)
    intrinsics = np.tile([[64.0, 0, SIDE / 2], [0, 64, SIDE / 2], [0, 0, 1]], (frames, 1, 1))
    last = FixedFrame(torch.full((1, 3, SIDE, SIDE), ENDING), (frames - 1,))
    inputs = ShotInputs(poses, intrinsics, torch.zeros(1, 3, SIDE, SIDE), 0, None, (last,))
    options = SamplingOptions(steps=1, guidance=GuidanceConfig(scale=1.0), forms=forms)
    sample_shot(model, inputs, options, SeededNoise(0), Hooks())
    return given


def test_a_network_that_knows_the_published_form_alone_is_told_the_picture(
    model: RealCamModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for concat in told(model, monkeypatch, FRAMES, "repeat"):
        assert torch.equal(concat, concat[:, :, :1].expand_as(concat))


def test_the_last_frame_is_told(model: RealCamModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.inference_mode():
        ending = model.vae.encode(torch.full((1, 3, 1, SIDE, SIDE), ENDING), None)[:, :, 0]
    (to_end,) = told(model, monkeypatch, 9, "repeat", "repeat_to_end")
    assert torch.equal(to_end[:, :, -1], ending)
    assert torch.equal(to_end[:, :, :-1], to_end[:, :, :1].expand_as(to_end[:, :, :-1]))
    (ends,) = told(model, monkeypatch, 9, "ends")
    assert torch.equal(ends[:, :, [0, -1]], to_end[:, :, [0, -1]])
    assert not ends[:, :, 1:-1].any()


def test_the_frames_of_the_segment_before_are_told(model: RealCamModel, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = told(model, monkeypatch, FRAMES, "repeat", "continue")
    assert torch.equal(first, first[:, :, :1].expand_as(first)), "there are none before the first segment"
    shared = FRAMES - 16
    assert all((second[:, :, frame] != second[:, :, 12]).any() for frame in range(12 - shared))
    assert torch.equal(second[:, :, 11:], second[:, :, 11:12].expand(-1, -1, 5, -1, -1))
    _, basic = told(model, monkeypatch, FRAMES, "repeat")
    assert torch.equal(second[:, :, 11], basic[:, :, 0])
