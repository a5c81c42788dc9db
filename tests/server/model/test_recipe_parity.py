"""Larger networks whose weights follow from their names: other widths, frame counts and picture shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from server.model.config import REALCAM_256, TINY, ModelConfig, PoseEncoderConfig, UNetConfig  # noqa: E402
from server.model.model import build_parts  # noqa: E402
from server.model.unet.attention_plan import BlockPlan  # noqa: E402
from server.model.weights.checkpoint import PARTS  # noqa: E402
from tests.server.published.make_published_numbers import compact  # noqa: E402
from tests.server.published.parity import COMPACT, ParityKit  # noqa: E402
from tests.server.published.recipe import (  # noqa: E402
    recipe_camera,
    recipe_forward,
    recipe_input,
    recipe_models,
    recipe_trajectory,
    recipe_weight,
)
from tests.support.model.reduced_model import TINY_256, load_part, observed, published_modules, statistics  # noqa: E402

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
    """Our weights and inputs are the published run's, so what follows compares networks."""
    section = "unet_recipe"
    for name in kit.names(section, "example_weight."):
        shape = tuple(kit.index[section][name]["shape"])
        kit.check(section, name, recipe_weight(name.removeprefix("example_weight."), shape, salt=5))
    kit.check(section, "example_noise.medium256.x", recipe_input("medium256.x", (1, 8, 5, 16, 24))[0, 0, 0])
    assert torch.allclose(recipe_trajectory(5), kit.tensors(section)["medium256.w2c"], atol=1e-7)


def test_reduced_model_is_made_by_the_recipe(kit: ParityKit) -> None:
    """Its weights in the kit's file are those that a clone without the kit makes."""
    if kit.folder is None:
        pytest.skip("the reduced model's file is in the parity kit alone; set REALCAM_PARITY_KIT")
    for part in PARTS:
        read, made = build_parts(TINY_256)[part], build_parts(TINY_256)[part]
        load_part(read, part, TINY_256, kit)
        load_part(made, part, TINY_256, ParityKit(None))
        for (name, ours), theirs in zip(made.state_dict().items(), read.state_dict().values(), strict=True):
            assert torch.allclose(ours, theirs, atol=1e-6), name


def test_compact_set_is_the_kit_s(kit: ParityKit) -> None:
    if kit.folder is None:
        pytest.skip("nothing to compare the compact set with; set REALCAM_PARITY_KIT")
    assert COMPACT.stat().st_size < 2_000_000
    made = compact(kit.folder)
    with np.load(COMPACT) as kept:
        assert set(kept.files) == set(made)
        for name in kept.files:
            assert np.array_equal(kept[name], made[name]), name


MEDIUM = pytest.mark.parametrize(
    ("config", "salt", "fps"), [(MEDIUM_256, 5, 4), (MEDIUM_512, 6, 14)], ids=["256", "512"]
)


@MEDIUM
def test_medium_model(kit: ParityKit, config: ModelConfig, salt: int, fps: int) -> None:
    """128 x 192 pixels, five frames, the reference in the middle: its outputs, and what every block puts out."""
    section, name = "unet_recipe", config.name
    unet, pose_encoder = recipe_models(config, salt)
    with torch.inference_mode():
        camera = recipe_camera(name, pose_encoder, config, frames=5, reference=2, scale=1.5)
        with observed(published_modules(unet)) as outputs:
            ours = recipe_forward(name, unet, config, 5, fps, camera)
        without = recipe_forward(name, unet, config, 5, fps, None)
    kit.check(section, f"{name}.out.camera", ours)
    kit.check(section, f"{name}.out.no_camera", without)
    assert (ours - without).abs().max() > 0.1, "the camera matters"
    for short in kit.names(section, f"{name}.actstat."):
        kit.check(section, short, statistics(outputs[short.removeprefix(f"{name}.actstat.")]))
    for level, view in enumerate(camera):
        kit.check(section, f"{name}.pose_feature_stat.{level}", statistics(view.features))
        count = f"{name}.mask_true_count.{8 * 2**level}"
        assert (count in kit.index[section]) == (view.plans is not None)
        if view.plans is not None:
            kit.check(section, count, open_entries(view.plans[0]))


def open_entries(plan: Any) -> int:
    """True entries of a plan's mask without its four registers, which are open to all."""
    masks = [block.mask for block in plan.blocks] if isinstance(plan, BlockPlan) else [plan.mask]
    return sum(int(mask[:, 4:].sum()) for mask in masks)


@pytest.mark.slow
def test_full_size_model(kit: ParityKit) -> None:
    """The published 256 network, 1.5 billion weights made from their names. Needs some 9 GB and minutes."""
    section, config = "full256_recipe", REALCAM_256
    unet, pose_encoder = recipe_models(config, 7)
    with torch.inference_mode():
        camera = recipe_camera("full256", pose_encoder, config, frames=16, reference=0, scale=1.0)
        with observed(published_modules(unet)) as outputs:
            ours = recipe_forward("full256", unet, config, 16, 3, camera)
    for level, view in enumerate(camera):
        kit.check(section, f"pose_feature_stat.{level}", statistics(view.features))
    for short in kit.names(section, "actstat."):
        kit.check(section, short, statistics(outputs[short.removeprefix("actstat.")]))
    kit.check(section, "out", ours)
