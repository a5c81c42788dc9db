"""A sample's result does not depend on who is in the batch with it, nor on how the work is cut into pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.diffusion.guidance import GuidanceConfig  # noqa: E402
from server.diffusion.sampler import Branch, branches_of  # noqa: E402
from server.geometry.relative_poses import PUBLISHED, relative_poses  # noqa: E402
from server.model.config import TINY  # noqa: E402
from server.model.model import RealCamModel, random_model  # noqa: E402
from server.model.sampling.camera_condition import camera_condition  # noqa: E402
from server.model.sampling.conditions import BoundDenoiser, bind, concat_latents  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.vae import VideoVae  # noqa: E402

FRAMES, WIDTH, HEIGHT = 3, 192, 128
ALL: tuple[Branch, ...] = branches_of(GuidanceConfig(scale=2.0, image_scale=2.0, camera_scale=2.0))


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def model() -> RealCamModel:
    """A mask at the finest level too: more tokens than a dense plan takes."""
    config = replace(TINY, unet=replace(TINY.unet, mask_cells=(64, 32, 16, 8)))
    return random_model(config, ByteTokenizer(TINY.clip.vocabulary), seed=3)


def normal(*shape: int, seed: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def cameras() -> tuple[Any, Any, Any]:
    """Two cameras: poses seen from different reference frames, intrinsics, noise."""
    poses = torch.eye(4).repeat(2, FRAMES, 1, 1)
    poses[..., :3, 3] = 0.4 * normal(2, FRAMES, 3, seed=1)
    intrinsics = torch.tensor([[96.0, 0, WIDTH / 2], [0, 96.0, HEIGHT / 2], [0, 0, 1]]).repeat(2, FRAMES, 1, 1)
    intrinsics[1, :, 0, 0] = 150.0
    return relative_poses(poses, torch.tensor([0, 2])), intrinsics, normal(2, FRAMES, FRAMES, 3, seed=2)


def outputs(model: RealCamModel, samples: slice, batched: bool) -> list[Any]:
    """All four branches for some of two samples that differ in everything."""
    poses, intrinsics, noise = (t[samples] for t in cameras())
    camera = camera_condition(
        model.pose_encoder, model.config.unet, poses, intrinsics, (WIDTH, HEIGHT), PUBLISHED, noise
    )
    latents = normal(2, 4, FRAMES, HEIGHT // 8, WIDTH // 8, seed=3)
    concat = concat_latents(latents, torch.tensor([0, 2]))[samples]
    positive, negative, image = (normal(2, 77 + 16 * FRAMES, 48, seed=seed)[samples] for seed in (4, 5, 7))
    conditions = bind(model, concat, positive, negative, camera, fps=8, image_only=image)
    denoise = BoundDenoiser(model.unet, conditions, batched)
    return denoise(normal(2, 4, FRAMES, HEIGHT // 8, WIDTH // 8, seed=6)[samples], 700, ALL)


@pytest.mark.parametrize("batched", [False, True])
def test_each_sample_has_its_own_camera_and_reference(model: RealCamModel, batched: bool) -> None:
    together = outputs(model, slice(0, 2), batched)
    for b in range(2):
        for ours, alone in zip(together, outputs(model, slice(b, b + 1), False), strict=True):
            assert torch.allclose(ours[b : b + 1], alone, atol=5e-5)
    assert (together[0] - together[2]).abs().max() > 1e-2, "the camera matters"
    assert (together[0] - together[3]).abs().max() > 1e-2, "the words matter"


def test_reference_frame_of_each_sample() -> None:
    latents = normal(2, 4, FRAMES, 4, 4, seed=0)
    concat = concat_latents(latents, torch.tensor([0, 2]))
    for frame in range(FRAMES):
        assert torch.equal(concat[0, :, frame], latents[0, :, 0])
        assert torch.equal(concat[1, :, frame], latents[1, :, 2])
    assert torch.equal(concat_latents(latents, 2)[1], concat[1])


@pytest.mark.parametrize("at_once", [2, 5, 100])
def test_frames_at_once_change_nothing(model: RealCamModel, at_once: int) -> None:
    one, many = model.vae, VideoVae(model.vae.network, TINY.vae, at_once)
    clip = normal(2, 3, FRAMES, 64, 64, seed=0).clamp(-1, 1)
    noise = normal(2 * FRAMES, 4, 8, 8, seed=1)
    latents = one.encode(clip, noise.view)
    assert torch.allclose(many.encode(clip, noise.view), latents, atol=1e-6)
    assert torch.allclose(many.decode(latents), one.decode(latents), atol=1e-5)


def test_draws_of_the_posterior(model: RealCamModel) -> None:
    """One draw for all frames, or one a frame: the same numbers in the same order, so the same latents."""
    clip = normal(2, 3, FRAMES, 64, 64, seed=0).clamp(-1, 1)
    noise = normal(2 * FRAMES, 4, 8, 8, seed=1)
    singles = iter(noise)

    def draw(shape: tuple[int, ...]) -> Any:
        assert shape == (1, 4, 8, 8)
        return next(singles)[None]

    latents = model.vae.encode(clip, draw, per_frame=True)
    assert torch.equal(latents, model.vae.encode(clip, noise.view))
    moments = model.vae.network.encode(clip[1, :, 2:3].transpose(0, 1)).latent_dist.parameters
    mean, log_variance = moments.chunk(2, dim=1)
    restated = 0.18215 * (mean + torch.exp(0.5 * log_variance.clamp(-30, 20)) * noise[5:6])
    assert torch.allclose(latents[1, :, 2], restated[0], atol=1e-5)


def test_more_frames_than_the_weights_know(model: RealCamModel) -> None:
    with pytest.raises(ValueError, match="up to 16 frames, got 17: use segments"):
        model.pose_encoder(torch.zeros(1, 6, 17, 64, 64))
