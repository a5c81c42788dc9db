"""A shot through the sampler with the nano network's sizes: segments, shaping, masks and the pictures meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

import torch

from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import SeededNoise
from server.model.config import NANO
from server.model.model import random_model
from server.model.sampling.shot_sampler import Hooks, SamplingOptions, ShotInputs, sample_shot
from server.model.tokenizer import ByteTokenizer
from server.model.vae import latent_picture

FRAMES = 18


def test_a_shot_of_two_segments_held_by_its_preview() -> None:
    width, height = NANO.size
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3] = np.linspace(0.0, 1.0, FRAMES)
    intrinsics = np.tile([[100.0, 0, width / 2], [0, 100, height / 2], [0, 0, 1]], (FRAMES, 1, 1))
    preview = np.full((FRAMES, height, width, 4), 255, dtype=np.uint8)
    preview[:, :, : width // 4, 3] = 0
    inputs = ShotInputs(poses, intrinsics, torch.zeros(1, 3, height, width), 0, preview)
    pictures = []
    model = random_model(NANO, ByteTokenizer(NANO.clip.vocabulary))
    hooks = Hooks(on_step=lambda done, of, clean: pictures.append(latent_picture(clean, 0, model.vae.colours)))
    options = SamplingOptions(steps=2, guidance=GuidanceConfig(scale=2.0, camera_scale=1.5), fps=1)
    frames = sample_shot(model, inputs, options, SeededNoise(0), hooks)
    assert frames.shape == (FRAMES, height, width, 3)
    assert [p.shape for p in pictures] == [(32, 32, 3)] * 4
