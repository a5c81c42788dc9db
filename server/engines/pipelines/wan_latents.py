"""Latents of Wan's VAE, from pictures and as pictures. VACE and the Wan image-to-video networks share it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import UInt8


def wan_latents(pipe: Any, frames: UInt8) -> Tensor:
    """The latents [1, C, L, h, w] of frames, normalised as Wan's pipelines do it, float32 on the pipeline's device.

    Args:
        pipe: diffusers', with an AutoencoderKLWan.
        frames: [F, H, W, 3] uint8; F is one more than a multiple of its temporal factor.
    """
    vae = pipe.vae
    clip = torch.from_numpy(frames).to(pipe._execution_device, vae.dtype).permute(3, 0, 1, 2)[None] / 127.5 - 1
    with torch.no_grad():
        latents = vae.encode(clip).latent_dist.mode().float()
    mean, spread = (
        torch.tensor(values, device=latents.device).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    return (latents - mean) / spread


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
