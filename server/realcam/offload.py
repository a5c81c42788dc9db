"""Weights that stay in the machine's memory and come to the card layer by layer, for cards that cannot hold them."""

from __future__ import annotations

from dataclasses import replace

import torch
from diffusers.hooks import apply_group_offloading

from .model import RealCamModel

OFFLOADED_PARTS = ("unet", "text", "vision")
"""Nine tenths of the weights."""

RESIDENT_PARTS = ("pose_encoder", "vae", "resampler")


def offloaded(model: RealCamModel, device: torch.device, disk: str | None = None) -> RealCamModel:
    """The model on the CPU made to run on `device`; the modules are changed in place.

    Layer by layer, not block by block: the cross-attentions' keys are made outside their block's forward. disk: a
    folder to keep the weights in, instead of the machine's memory.
    """
    parts = model.parts()
    for name in RESIDENT_PARTS:
        parts[name].to(device)
    for name in OFFLOADED_PARTS:
        apply_group_offloading(
            parts[name],
            onload_device=device,
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
            offload_to_disk_path=None if disk is None else f"{disk}/{name}",
        )
    return replace(model, device=device)
