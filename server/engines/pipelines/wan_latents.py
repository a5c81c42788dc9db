"""Latents of Wan's VAE as pictures. VACE and the Wan image-to-video networks share it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import UInt8


def wan_picture(vae: Any, clean: Tensor, index: int) -> UInt8:
    """A frame [H, W, 3] uint8 of one latent, decoded as a clip of its own.

    Args:
        vae: diffusers' AutoencoderKLWan.
        clean: [1, C, L, h, w] latents, normalised as its pipelines normalise them.
        index: of the latent.
    """
    latent = clean[:, :, index : index + 1]
    mean, spread = (
        torch.tensor(values).view(1, -1, 1, 1, 1).to(latent.device, torch.float32)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    decoded = vae.decode((latent.float() * spread + mean).to(vae.dtype), return_dict=False)[0]
    picture = (decoded[0, :, 0].float().clamp(-1, 1) + 1) * 127.5
    return np.ascontiguousarray(picture.permute(1, 2, 0).round().to(torch.uint8).cpu().numpy())
