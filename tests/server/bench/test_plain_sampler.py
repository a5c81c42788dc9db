"""What the network is measured against computes the same numbers, with everything written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.bench.plain_sampler import PLAIN, make_plain, plain_camera, plain_forward  # noqa: E402
from server.geometry.relative_poses import relative_poses  # noqa: E402
from server.model.config import TINY  # noqa: E402
from server.model.model import RealCamModel, random_model  # noqa: E402
from server.model.sampling.camera_condition import camera_condition  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.unet.attention import ContextTokens  # noqa: E402
from server.model.unet.attention_plan import BlockPlan, DensePlan  # noqa: E402
from server.model.unet.unet import Camera  # noqa: E402

FRAMES, WIDTH, HEIGHT = 3, 192, 128


def noise(*shape: int, seed: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def model() -> RealCamModel:
    """A mask at the finest level too: more tokens than a dense plan takes."""
    unet = replace(TINY.unet, mask_cells=(64, 32, 16, 8), learnable_image_scale=True)
    return random_model(replace(TINY, unet=unet), ByteTokenizer(TINY.clip.vocabulary), seed=3)


def camera_of(model: RealCamModel) -> Camera:
    """One that moves at random."""
    poses = torch.eye(4).repeat(1, FRAMES, 1, 1)
    poses[..., :3, 3] = 0.4 * noise(1, FRAMES, 3, seed=1)
    intrinsics = torch.tensor([[96.0, 0, WIDTH / 2], [0, 96.0, HEIGHT / 2], [0, 0, 1]]).expand(1, FRAMES, 3, 3)
    seen = relative_poses(poses, torch.tensor([0]))
    return camera_condition(model.pose_encoder, model.config.unet, seen, intrinsics, (WIDTH, HEIGHT))


def test_the_plain_style_gives_the_same_numbers(model: RealCamModel) -> None:
    channels = model.config.unet.context_channels
    context = ContextTokens(noise(1, 77, channels, seed=2), noise(1, FRAMES, 16, channels, seed=3))
    x, timestep, fps = noise(1, 8, FRAMES, HEIGHT // 8, WIDTH // 8, seed=4), torch.tensor([601]), torch.tensor([14])
    with torch.inference_mode():
        camera = camera_of(model)
        ours = model.unet(x, timestep, model.unet.bind_context(context), camera, fps)
        make_plain(model.unet)
        plain = plain_forward(model.unet, x, timestep, context, plain_camera(camera), fps)
    assert torch.allclose(ours, plain, atol=1e-4, rtol=1e-4)


def test_every_layer_that_is_ours_has_a_plain_form(model: RealCamModel) -> None:
    """None is left in the fast form: the comparison would flatter nobody, and mislead."""
    make_plain(model.unet)
    assert not {type(module) for module in model.unet.modules()} & PLAIN.keys()
    with torch.inference_mode():
        camera = camera_of(model)
    assert any(isinstance(plan, BlockPlan) for level in camera for plan in level.plans or ())
    assert all(isinstance(plan, DensePlan) for level in plain_camera(camera) for plan in level.plans or ())
