"""Larger networks whose weights follow from their names: other widths, frame counts and picture shapes."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.realcam.config import REALCAM_256, TINY, ModelConfig, PoseEncoderConfig, UNetConfig  # noqa: E402
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


def test_recipe(kit: ParityKit) -> None:
    """Our weights are the kit's, so what follows compares networks."""
    g = kit.tensors("unet_recipe")
    for key, golden in g.items():
        if key.startswith("example_weight."):
            ours = recipe_weight(key.removeprefix("example_weight."), tuple(golden.shape), 5)
            kit.check("unet_recipe", key, torch.from_numpy(ours), golden)
    ours = recipe_input("medium256.x", (1, 8, 5, 16, 24))[0, 0, 0]
    kit.check("unet_recipe", "example_noise.medium256.x", ours, g["example_noise.medium256.x"])
    assert torch.allclose(recipe_trajectory(5), g["medium256.w2c"], atol=1e-7)


@pytest.mark.parametrize(("config", "salt", "fps"), [(MEDIUM_256, 5, 4), (MEDIUM_512, 6, 14)], ids=["256", "512"])
def test_medium_model(kit: ParityKit, config: ModelConfig, salt: int, fps: int) -> None:
    g, name = kit.tensors("unet_recipe"), config.name
    unet, pose_encoder = recipe_models(config, salt)
    with torch.inference_mode():
        camera = recipe_camera(name, pose_encoder, config, frames=5, reference=2, scale=1.5)
        with observed(published_modules(unet)) as outputs:
            ours = recipe_forward(name, unet, config, 5, fps, camera)
        without = recipe_forward(name, unet, config, 5, fps, None)
    for level, view in enumerate(camera):
        short = f"{name}.pose_feature_stat.{level}"
        kit.check("unet_recipe", short, statistics(view.features), g[short])
    for short in (n for n in g if n.startswith(f"{name}.actstat.")):
        kit.check("unet_recipe", short, statistics(outputs[short.removeprefix(f"{name}.actstat.")]), g[short])
    kit.check("unet_recipe", f"{name}.out.camera", ours, g[f"{name}.out.camera"])
    kit.check("unet_recipe", f"{name}.out.no_camera", without, g[f"{name}.out.no_camera"])


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
        kit.check("full256_recipe", short, statistics(view.features), g[short])
    for short in (n for n in g if n.startswith("actstat.")):
        kit.check("full256_recipe", short, statistics(outputs[short.removeprefix("actstat.")]), g[short])
    kit.check("full256_recipe", "out", ours, g["out"])
