"""A memory plan applied to a pipeline of diffusers, and undone again whatever happens in between."""

from __future__ import annotations

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
    vae: Any = pipe.vae
    try:
        if plan.tiled:
            _tile(vae)
        _place(pipe, plan, device)
        yield
    finally:
        _release(pipe)
        if plan.tiled:
            vae.disable_tiling()
            if hasattr(vae, "use_framewise_decoding"):
                vae.use_framewise_decoding = False
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _tile(vae: Any) -> None:
    """Have a VAE decode in tiles; one that decodes all frames at once, also a few frames at a time."""
    if not hasattr(vae, "use_framewise_decoding"):
        vae.enable_tiling()
        return
    # LTX-2's. With the strides that it has by itself the last tile of 480 rows is one latent high, which its reflecting
    # borders cannot be laid around; with these, no size that engines offer leaves a tile of one.
    vae.enable_tiling(tile_sample_stride_height=LTX2_STRIDE, tile_sample_stride_width=LTX2_STRIDE)
    vae.use_framewise_decoding = True


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
