"""A memory plan applied to a pipeline of diffusers, and undone again whatever happens in between."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .plans import MemoryPlan

LTX2_STRIDE = 384
"""Pixels from one tile of 512 of LTX-2's VAE to the next."""
GROUP_HOOKS = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")
"""Names of the hooks that group offloading leaves on modules."""


@contextmanager
def placed(pipe: Any, plan: MemoryPlan, device: torch.device) -> Iterator[None]:
    """Run a pipeline by a plan within the context. At its end, also by an error, all of it is back on the CPU.

    Pipelines free their hooks only at the normal end of a call: one that was cancelled would keep the card's memory.

    Args:
        pipe: the pipeline, on the CPU.
        plan: how it is run.
        device: a card, or the CPU, where a plan is nothing but its tiles.
    """
    loaded: Any = pipe.vae
    vae: Any = loaded
    if plan.least and _framewise(loaded) and loaded.dtype != pipe.transformer.dtype:
        # A copy, so that the clip after it has the weights as they were loaded.
        pipe.vae = vae = copy.deepcopy(loaded).to(pipe.transformer.dtype)
    try:
        _tile(vae, plan)
        _place(pipe, plan, device)
        yield
    finally:
        _release(pipe)
        if plan.tiled:
            vae.disable_tiling()
        if _framewise(vae):
            vae.use_framewise_encoding = vae.use_framewise_decoding = False
        pipe.vae = loaded
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _framewise(vae: Any) -> bool:
    """Whether a VAE decodes many frames at once, as LTX-2's does."""
    return hasattr(vae, "use_framewise_decoding")


def _tile(vae: Any, plan: MemoryPlan) -> None:
    """Have a VAE work in the plan's tiles: of pictures where it asks for them, of frames wherever many go at once."""
    if not _framewise(vae):
        if plan.tiled:
            vae.enable_tiling()
        return
    if plan.tiled:
        # With the strides that LTX-2's has by itself the last tile of 480 rows is one latent high, which its reflecting
        # borders cannot be laid around; with these, no size that engines offer leaves a tile of one.
        vae.enable_tiling(tile_sample_stride_height=LTX2_STRIDE, tile_sample_stride_width=LTX2_STRIDE)
    vae.use_framewise_encoding = vae.use_framewise_decoding = True
    vae.tile_sample_min_num_frames = plan.frame_tiles.frames
    vae.tile_sample_stride_num_frames = plan.frame_tiles.stride


def _place(pipe: Any, plan: MemoryPlan, device: torch.device) -> None:
    if plan.placement == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif plan.placement == "group":
        pipe.enable_group_offload(
            onload_device=device,
            offload_device=torch.device("cpu"),
            offload_type="block_level",
            num_blocks_per_group=1,
            use_stream=device.type == "cuda",
            # Tiles call the VAE often and out of order: it stays on the device.
            exclude_modules=["vae"],
        )
    else:
        pipe.to(device)


def _release(pipe: Any) -> None:
    """Take all hooks off a pipeline and move it to the CPU."""
    from diffusers.hooks import HookRegistry

    pipe.remove_all_hooks()
    for part in pipe.components.values():
        if not isinstance(part, nn.Module):
            continue
        if hasattr(part, "_diffusers_hook"):
            registry = HookRegistry.check_if_exists_or_initialize(part)
            for name in GROUP_HOOKS:
                registry.remove_hook(name, recurse=True)
        part.to("cpu")
