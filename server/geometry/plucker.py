"""Plücker rays of every pixel of every frame."""

from __future__ import annotations

import torch
from torch import Tensor


def plucker_rays(poses: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """The Plücker ray through each pixel centre, in world coordinates.

    Args:
        poses: camera-to-world [B, T, 4, 4], OpenCV camera axes, of a floating dtype.
        intrinsics: [B, T, 3, 3] in pixels; the centre of the top-left pixel is (0.5, 0.5).
        height: rows of a frame, pixels.
        width: columns of a frame, pixels.

    Returns:
        [B, 6, T, H, W] of the poses' dtype: moment o x d (the poses' unit of length), then unit direction d.
    """
    x = torch.arange(width, dtype=poses.dtype, device=poses.device) + 0.5
    y = torch.arange(height, dtype=poses.dtype, device=poses.device) + 0.5
    fx, fy = intrinsics[..., 0, 0, None], intrinsics[..., 1, 1, None]
    cx, cy = intrinsics[..., 0, 2, None], intrinsics[..., 1, 2, None]
    shape = (*poses.shape[:2], height, width)
    across = ((x - cx) / fx)[..., None, :].expand(shape)
    down = ((y - cy) / fy)[..., :, None].expand(shape)
    camera_rays = torch.stack([across, down, torch.ones_like(across)], dim=-1)
    camera_rays = camera_rays / camera_rays.norm(dim=-1, keepdim=True)
    directions = camera_rays @ poses[..., None, :3, :3].transpose(-1, -2)
    origins = poses[..., None, None, :3, 3].expand_as(directions)
    moments = torch.linalg.cross(origins, directions)
    return torch.cat([moments, directions], dim=-1).permute(0, 4, 1, 2, 3)
