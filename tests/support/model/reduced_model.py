"""The kit's reduced model, built and loaded once for all tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from server.diffusion.schedule import ScheduleConfig
from server.model.config import TINY, ModelConfig
from server.model.unet.unet import UNet
from server.model.weights import checkpoint
from tests.server.published.parity import ParityKit
from tests.server.published.recipe import fill

TINY_256: ModelConfig = replace(
    TINY,
    name="kit-tiny-256",
    schedule=ScheduleConfig(),
    fps_condition="stride",
    unet=replace(TINY.unet, default_fps=3, learnable_image_scale=True, mask_cells=(64, 32, 16, 8)),
    resampler=replace(TINY.resampler, frames=4),
)
TINY_512: ModelConfig = replace(TINY, name="kit-tiny-512", resampler=replace(TINY.resampler, frames=4))


@cache
def published(folder: Path) -> dict[str, Any]:
    """The kit's reduced checkpoint by its published keys, float32."""
    return {k: t.float() for k, t in load_file(folder / "tiny_256.safetensors").items()}


def load_part(module: Any, part: checkpoint.Part, config: ModelConfig, kit: ParityKit) -> Any:
    """`module` with the reduced weights of `part`, in eval mode: the kit's file, or made anew by its recipe."""
    if kit.folder is None:
        fill(module, part, config, salt=0, rounding=torch.float8_e4m3fn)
        return module
    state = module.state_dict()
    found = checkpoint.sources(part, state, config)
    shapes = {name: t.shape for name, t in state.items()}
    module.load_state_dict(checkpoint.from_published(found, shapes, published(kit.folder)), strict=True)
    return module.eval().requires_grad_(False)


def published_modules(model: UNet) -> dict[str, nn.Module]:
    """Modules of our UNet by the published names of what they put out."""
    modules: dict[str, nn.Module] = {
        "time_embed": model.time_embedding,
        "fps_embedding": model.fps_embedding,
        "input_blocks.0": model.conv_in,
        "init_attn": model.first_temporal,
        "middle_block": model.middle,
    }
    places = (("input_blocks", model.down, itertools.count(1)), ("output_blocks", model.up, itertools.count()))
    for prefix, levels, numbers in places:
        for level in levels:
            for block in level.blocks:
                name = f"{prefix}.{next(numbers)}"
                modules[name] = block
                modules[f"{name}.0"] = block.resnet
                if block.spatial is not None:
                    modules[f"{name}.1"] = block.spatial
                    modules[f"{name}.2"] = block.temporal
            if level.resize is not None:
                # Going down the resize is an entry of its own, going up it ends the last one.
                modules[f"{prefix}.{next(numbers)}" if prefix == "input_blocks" else name] = level.resize
    inner = {
        "1": {"attn1": "self_attention", "attn2": "cross_attention", "ff": "ff"},
        "2": {
            "attn1": "first_attention",
            "attn2": "second_attention",
            "ff": "ff",
            "norm1": "first_norm",
            "pluker_projection": "plucker_projection",
            "epipolar": "epipolar",
        },
    }
    for kind, names in inner.items():
        owner = modules[f"input_blocks.1.{kind}"]
        for theirs, ours in names.items():
            modules[f"input_blocks.1.{kind}.transformer_blocks.0.{theirs}"] = owner.get_submodule(ours)
    return modules


@contextmanager
def observed(modules: dict[str, nn.Module]) -> Iterator[dict[str, Any]]:
    """What each module puts out while the context is open."""
    outputs: dict[str, Any] = {}

    def keep(name: str) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            del module, inputs
            outputs[name] = output.clone()

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def statistics(output: Any) -> Any:
    """Mean, standard deviation and largest magnitude."""
    return torch.stack([output.mean(), output.std(), output.abs().max()])
