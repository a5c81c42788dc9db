"""Where the scene's preview holds on the latent grid, and the preview prepared for the VAE."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from blender_addon.core.arrays import UInt8
from server.model.config import LATENT_DOWNSAMPLE

EROSION = 5
"""Side of the erosion's neighbourhood, pixels: borders of holes are blended and half-covered."""

COVERAGE = 0.9
"""A latent is kept from the preview when at least this share of the eroded mask around it is valid."""


def visible(preview: UInt8) -> Tensor:
    """Where the preview is fully opaque.

    Args:
        preview: [T, H, W, 4] uint8.

    Returns:
        [T, H, W] float32, 0 or 1.
    """
    return torch.from_numpy(preview[..., 3] == 255).float()


def not_black(preview: UInt8) -> Tensor:
    """Where the preview is valid by the published rule: a pixel that is black in all three channels is a hole.

    Args:
        preview: [T, H, W, 4] uint8.

    Returns:
        [T, H, W] float32, 0 or 1.
    """
    return torch.from_numpy((preview[..., :3] != 0).any(axis=-1)).float()


def eroded(valid: Tensor, size: int = EROSION, threshold: float = 1.0) -> Tensor:
    """Where enough of the neighbourhood is valid.

    Args:
        valid: [T, H, W] float32, 0 or 1.
        size: side of the neighbourhood, pixels, odd; it is mirrored at the border.
        threshold: the share of it that must be valid.

    Returns:
        [T, H, W] float32, 0 or 1.
    """
    half = size // 2
    padded = functional.pad(valid[:, None], (half,) * 4, mode="reflect")
    total = functional.conv2d(padded, torch.ones(1, 1, size, size))
    return (total >= threshold * size * size).float()[:, 0]


def on_latents(valid: Tensor) -> Tensor:
    """The soft coverage [1, 1, T, H / 8, W / 8] of a mask [T, H, W], sampled with aligned corners."""
    size = (valid.shape[-2] // LATENT_DOWNSAMPLE, valid.shape[-1] // LATENT_DOWNSAMPLE)
    return functional.interpolate(valid[None], size, mode="bilinear", align_corners=True)[:, None]


def latent_mask(valid: Tensor, channels: int = 4) -> Tensor:
    """Where the preview holds on the latent grid.

    Args:
        valid: [T, H, W] float32, 0 or 1, of every pixel.
        channels: of a latent.

    Returns:
        [1, channels, T, H / 8, W / 8] float32, 0 or 1.
    """
    return (on_latents(eroded(valid)) >= COVERAGE).float().expand(-1, channels, -1, -1, -1)


def filled(preview: UInt8) -> UInt8:
    """The preview's colours, with every pixel that is not fully opaque given the colour of the nearest one that is.

    A VAE spreads what is in a hole over the latents around it: black would darken them. A frame without any opaque
    pixel becomes mid grey.

    Args:
        preview: [T, H, W, 4] uint8.

    Returns:
        [T, H, W, 3] uint8.
    """
    result = preview[..., :3].copy()
    for frame, picture in enumerate(preview):
        hole = picture[..., 3] < 255
        if hole.all():
            result[frame] = 128
        elif hole.any():
            rows, columns = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
            result[frame] = picture[..., :3][rows, columns]
    return result


def to_clip(frames: UInt8) -> Tensor:
    """[1, 3, T, H, W] float32 in [-1, 1] from frames [T, H, W, 3] uint8."""
    return (torch.from_numpy(frames.astype(np.float32)) / 255.0 - 0.5).mul(2.0).permute(3, 0, 1, 2)[None]


def to_frames(clip: Tensor) -> UInt8:
    """[T, H, W, 3] uint8 from a clip [1, 3, T, H, W] in [-1, 1]; truncated, not rounded, as the published code does."""
    pictures = (clip[0].clamp(-1.0, 1.0) + 1.0) / 2.0 * 255.0
    return np.ascontiguousarray(pictures.permute(1, 2, 3, 0).to(torch.uint8).cpu().numpy())
