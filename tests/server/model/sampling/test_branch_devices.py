"""The branches of guidance on several devices make the clip that one device makes. Copies on the processor stand in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")

import torch

from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import SeededNoise
from server.engines.engine import Cancelled
from server.model.config import TINY
from server.model.model import RealCamModel, random_model
from server.model.sampling.branch_devices import replicated
from server.model.sampling.shot_sampler import Hooks, SamplingOptions, ShotInputs, sample_shot
from server.model.tokenizer import ByteTokenizer

SIDE, FRAMES = 64, 4
SHALLOW = replace(
    TINY,
    unet=replace(TINY.unet, channel_mult=(1, 1), blocks=1, mask_cells=(16, 8)),
    pose_encoder=replace(TINY.pose_encoder, channels=(32, 32), blocks=1, frames=FRAMES),
    vae=replace(TINY.vae, channel_mult=(1, 1, 1, 1), blocks=1),
    resampler=replace(TINY.resampler, frames=FRAMES),
)
"""Little to run."""
ALL_BRANCHES = GuidanceConfig(scale=4.0, image_scale=2.0, camera_scale=1.5)
"""The prompt's and the picture's guidance apart, and the camera's: four outputs of the network in each step."""


@pytest.fixture(scope="module")
def model() -> RealCamModel:
    return random_model(SHALLOW, ByteTokenizer(SHALLOW.clip.vocabulary))


def latents(
    model: RealCamModel, replicas: list[RealCamModel], every: int = 1, on_work: Callable[[], None] = lambda: None
) -> torch.Tensor:
    """The noisy latents of a clip after its second and last step."""
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 1, FRAMES)
    intrinsics = np.tile([[64.0, 0, SIDE / 2], [0, 64, SIDE / 2], [0, 0, 1]], (FRAMES, 1, 1))
    inputs = ShotInputs(poses, intrinsics, torch.zeros(1, 3, SIDE, SIDE), 0, None)
    options = SamplingOptions(steps=2, guidance=ALL_BRANCHES, lossy_guidance_every=every)
    kept: list[torch.Tensor] = []
    hooks = Hooks(on_work=on_work, on_latents=lambda timestep, latents, clean: kept.append(latents))
    sample_shot(model, inputs, options, SeededNoise(0), hooks, replicas=replicas)
    return kept[-1]


def test_branches_dealt_out_make_the_same_numbers(model: RealCamModel) -> None:
    """In the first step two branches here and one on each of the others, in the second the conditional one alone."""
    replicas = [replicated(model, torch.device("cpu")) for _ in range(2)]
    torch.testing.assert_close(latents(model, replicas, 2), latents(model, [], 2), rtol=1e-5, atol=1e-5)


def test_a_replica_has_weights_of_its_own(model: RealCamModel) -> None:
    copy = replicated(model, torch.device("cpu"))
    pairs = zip(copy.unet.parameters(), model.unet.parameters(), strict=True)
    assert all(torch.equal(a, b) and a.data_ptr() != b.data_ptr() for a, b in pairs)
    assert copy.vae is model.vae, "pictures are read and made on the first device"


def test_what_goes_wrong_on_another_device_ends_the_sampling_in_its_own_words(model: RealCamModel) -> None:
    copy = replicated(model, torch.device("cpu"))
    copy.unet.conv_out.register_forward_pre_hook(_out_of_memory)
    with pytest.raises(torch.OutOfMemoryError, match="the second card"):
        latents(model, [copy])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("branches")]


def test_a_cancel_within_a_step_ends_what_the_others_compute(model: RealCamModel) -> None:
    copy, cancelled = replicated(model, torch.device("cpu")), threading.Event()
    begun: list[str] = []
    finished: list[str] = []

    def begin(*_: object) -> None:
        begun.append("a branch")
        if len(begun) == 3:
            assert cancelled.wait(60)

    def cancel() -> None:
        if len(begun) == 3:
            cancelled.set()
            raise Cancelled

    copy.unet.conv_in.register_forward_pre_hook(begin)
    copy.unet.conv_out.register_forward_pre_hook(lambda *_: finished.append("a branch"))
    with pytest.raises(Cancelled):
        latents(model, [copy], on_work=cancel)
    assert len(finished) in (2, 3), "of the second step's two branches there, one at most was computed to its end"


def _out_of_memory(*_: object) -> None:
    raise torch.OutOfMemoryError("the second card")
