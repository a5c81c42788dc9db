"""Latents of LTX-2's VAE, which SANA-WM works on, from pictures and as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import UInt8


def ltx_latents(pipe: Any, frames: UInt8) -> Tensor:
    """The latents [1, C, L, h, w] of frames, normalised as the pipeline does it, float32 on the pipeline's device.

    Args:
        pipe: diffusers', with an AutoencoderKLLTX2Video.
        frames: [F, H, W, 3] uint8; F is one more than a multiple of its temporal factor.
    """
    vae = pipe.vae
    clip = torch.from_numpy(frames).to(pipe._execution_device, vae.dtype).permute(3, 0, 1, 2)[None] / 127.5 - 1
    with torch.no_grad():
        latents = vae.encode(clip).latent_dist.mode().float()
    mean, spread = (values.view(1, -1, 1, 1, 1).to(latents) for values in (vae.latents_mean, vae.latents_std))
    return (latents - mean) * vae.config.scaling_factor / spread


def ltx_picture(pipe: Any, clean: Tensor, index: int) -> UInt8:
    """A frame [H, W, 3] uint8 of one latent, decoded as a clip of its own.

    Args:
        pipe: diffusers', with an AutoencoderKLLTX2Video.
        clean: [1, C, L, h, w] latents, normalised as the pipeline does it.
        index: of the latent.
    """
    decoded = pipe._decode_latents(clean[:, :, index : index + 1])
    picture = (decoded[0, :, 0].float().clamp(-1, 1) + 1) * 127.5
    return np.ascontiguousarray(picture.permute(1, 2, 0).round().to(torch.uint8).cpu().numpy())
