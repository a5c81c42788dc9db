"""Larger networks whose weights follow from their names: other widths, frame counts and picture shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.diffusion.ddim import ddim_plan  # noqa: E402
from server.diffusion.schedule import noise_schedule  # noqa: E402
from server.realcam.attention_plan import BlockPlan  # noqa: E402
from server.realcam.config import REALCAM_256, REALCAM_512, TINY, ModelConfig, PoseEncoderConfig, UNetConfig  # noqa: E402
from tests.server.parity import ParityKit  # noqa: E402
from tests.server.realcam.models import observed, published_modules, statistics  # noqa: E402
from tests.server.realcam.recipe import (  # noqa: E402
    recipe_camera,
    recipe_forward,
    recipe_input,
    recipe_models,
    recipe_trajectory,
    recipe_weight,
)

MEDIUM_UNET = UNetConfig(channels=64, channel_mult=(1, 2, 3, 3), head_channels=32, context_channels=96)
MEDIUM_512: ModelConfig = replace(
    TINY,
    name="medium512",
    size=(192, 128),
    unet=MEDIUM_UNET,
    pose_encoder=PoseEncoderConfig(channels=(64, 128, 192, 192)),
)
MEDIUM_256: ModelConfig = replace(
    MEDIUM_512, name="medium256", unet=replace(MEDIUM_UNET, learnable_image_scale=True, mask_cells=(64, 32, 16, 8))
)


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    """The published network's own outputs, kept with the tests: a fresh clone needs nothing else to compare."""
    with np.load(Path(__file__).with_name("published_numbers.npz")) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def close(ours: Any, published: Any, absolute: float, relative: float = 0.0) -> None:
    error, allowed = (ours - published).abs().max(), max(absolute, relative * float(published.abs().max()))
    assert error <= allowed, f"differs by {error:.3g}, allowed {allowed:.3g}"


def test_recipe(numbers: dict[str, Any]) -> None:
    """Our weights and inputs are the published run's, so what follows compares networks."""
    examples = [name for name in numbers if name.startswith("example_weight.")]
    assert examples
    for name in examples:
        ours = recipe_weight(name.removeprefix("example_weight."), tuple(numbers[name].shape), 5)
        assert torch.equal(torch.from_numpy(ours), numbers[name])
    ours = recipe_input("medium256.x", (1, 8, 5, 16, 24))[0, 0, 0]
    assert torch.equal(ours, numbers["example_noise.medium256.x"])


MEDIUM = pytest.mark.parametrize(
    ("config", "salt", "fps"), [(MEDIUM_256, 5, 4), (MEDIUM_512, 6, 14)], ids=["256", "512"]
)


@MEDIUM
def test_medium_model(numbers: dict[str, Any], config: ModelConfig, salt: int, fps: int) -> None:
    unet, pose_encoder = recipe_models(config, salt)
    with torch.inference_mode():
        camera = recipe_camera(config.name, pose_encoder, config, frames=5, reference=2, scale=1.5)
        ours = recipe_forward(config.name, unet, config, 5, fps, camera)
        without = recipe_forward(config.name, unet, config, 5, fps, None)
    for level, view in enumerate(camera):
        close(statistics(view.features), numbers[f"{config.name}.pose_feature_stat.{level}"], 1e-4)
    for level, view in enumerate(camera):
        count = numbers.get(f"{config.name}.mask_true_count.{8 * 2**level}")
        assert (count is None) == (view.plans is None)
        if count is not None and view.plans is not None:
            assert abs(open_entries(view.plans[0]) - int(count)) <= max(4, 1e-4 * open_entries(view.plans[0]))
    close(ours, numbers[f"{config.name}.out.camera"], 2e-4, 5e-5)
    close(without, numbers[f"{config.name}.out.no_camera"], 2e-4, 5e-5)
    assert (ours - without).abs().max() > 0.1, "the camera matters"


def open_entries(plan: Any) -> int:
    """True entries of a plan's mask without its four registers, which are open to all."""
    masks = [block.mask for block in plan.blocks] if isinstance(plan, BlockPlan) else [plan.mask]
    return sum(int(mask[:, 4:].sum()) for mask in masks)


@MEDIUM
def test_medium_model_inside(kit: ParityKit, config: ModelConfig, salt: int, fps: int) -> None:
    """What every block of it puts out."""
    g, name = kit.tensors("unet_recipe"), config.name
    unet, pose_encoder = recipe_models(config, salt)
    assert torch.allclose(recipe_trajectory(5), g[f"{name}.w2c"], atol=1e-7)
    with torch.inference_mode():
        camera = recipe_camera(name, pose_encoder, config, frames=5, reference=2, scale=1.5)
        with observed(published_modules(unet)) as outputs:
            recipe_forward(name, unet, config, 5, fps, camera)
    for short in (n for n in g if n.startswith(f"{name}.actstat.")):
        kit.check("unet_recipe", short, statistics(outputs[short.removeprefix(f"{name}.actstat.")]))


def test_coefficients(numbers: dict[str, Any]) -> None:
    for variant, config in (("eps256", REALCAM_256), ("v512", REALCAM_512)):
        plan = ddim_plan(noise_schedule(config.schedule), 25, 1.0)
        close(torch.from_numpy(plan.sigmas), numbers[f"{variant}.ddim25.eta1.ddim_sigmas"], 1e-7, 1e-6)
    assert plan.timesteps.tolist() == numbers["v512.ddim25.timesteps"].tolist()
    close(torch.from_numpy(plan.alphas), numbers["v512.ddim25.eta1.ddim_alphas"], 1e-7, 1e-6)


@pytest.mark.slow
def test_full_size_model(kit: ParityKit) -> None:
    """The published 256 network, 1.5 billion weights made from their names. Needs some 9 GB and minutes."""
    g, config = kit.tensors("full256_recipe"), REALCAM_256
    unet, pose_encoder = recipe_models(config, 7)
    with torch.inference_mode():
        camera = recipe_camera("full256", pose_encoder, config, frames=16, reference=0, scale=1.0)
        with observed(published_modules(unet)) as outputs:
            ours = recipe_forward("full256", unet, config, 16, 3, camera)
    for level, view in enumerate(camera):
        short = f"pose_feature_stat.{level}"
        kit.check("full256_recipe", short, statistics(view.features))
    for short in (n for n in g if n.startswith("actstat.")):
        kit.check("full256_recipe", short, statistics(outputs[short.removeprefix("actstat.")]))
    kit.check("full256_recipe", "out", ours)
