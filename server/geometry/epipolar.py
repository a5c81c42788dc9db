"""Epipolar geometry between the frames of a clip, on grids of cells (a cell is `cell` x `cell` pixels)."""

from __future__ import annotations

import torch
from torch import Tensor

from .relative_poses import CORRECT, CameraConventions, baselines, pair_poses


def fundamental_matrices(
    poses: Tensor,
    intrinsics: Tensor,
    conventions: CameraConventions = CORRECT,
    noise: Tensor | None = None,
) -> Tensor:
    """[B, T, T, 3, 3]: entry (i, j) maps a pixel of frame i to its epipolar line in frame j.

    poses: camera-to-world [B, T, 4, 4]; intrinsics [B, T, 3, 3] pixels; noise: see baselines().
    """
    if not conventions.single_precision:
        poses, intrinsics = poses.double(), intrinsics.double()
    pairs = pair_poses(poses)
    translation = baselines(pairs, poses, conventions, noise)
    essential = torch.linalg.cross(translation[..., None].expand_as(pairs[..., :3, :3]), pairs[..., :3, :3], dim=-2)
    inverse = torch.linalg.inv(intrinsics)
    key_side = inverse.transpose(-1, -2)[:, None]
    query_side = inverse[:, None] if conventions.key_intrinsics_only else inverse[:, :, None]
    return key_side @ essential @ query_side


def cell_centres(height: int, width: int, cell: int, offset: float = 0.0) -> Tensor:
    """[N, 3] homogeneous pixel positions of the cells' centres, row by row, float64."""
    x = torch.arange(width // cell, dtype=torch.float64) * cell + cell / 2 + offset
    y = torch.arange(height // cell, dtype=torch.float64) * cell + cell / 2 + offset
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x, grid_y, torch.ones_like(grid_x)], dim=-1).reshape(-1, 3)


def epipolar_lines(fundamental: Tensor, centres: Tensor) -> Tensor:
    """[..., N, 3] lines (a, b, c) with a^2 + b^2 = 1 of fundamental [..., 3, 3] at centres [N, 3]."""
    lines = centres.to(fundamental) @ fundamental.transpose(-1, -2)
    return lines / lines[..., :2].norm(dim=-1, keepdim=True)


def near_lines(lines: Tensor, centres: Tensor, cell: int) -> Tensor:
    """[..., N, M] True where centre m is closer to line n than half a cell's diagonal."""
    return (lines @ centres.to(lines).T).abs() < cell * 2**0.5 / 2


def epipolar_mask(
    fundamental: Tensor, height: int, width: int, cell: int, conventions: CameraConventions = CORRECT
) -> Tensor:
    """[B, T h w, T h w] bool: row = query cell of frame i, column = key cell of frame j. Dense: for small grids."""
    centres = cell_centres(height, width, cell, conventions.cell_offset).to(fundamental)
    near = near_lines(epipolar_lines(fundamental, centres), centres, cell)
    batch, frames, _, cells, _ = near.shape
    return near.transpose(2, 3).reshape(batch, frames * cells, frames * cells)


def epipolar_mask_rows(
    fundamental: Tensor, frame: int, height: int, width: int, cell: int, conventions: CameraConventions = CORRECT
) -> Tensor:
    """[h w, T h w] bool: the rows of epipolar_mask that belong to queries in `frame`, of fundamental [T, T, 3, 3]."""
    centres = cell_centres(height, width, cell, conventions.cell_offset).to(fundamental)
    near = near_lines(epipolar_lines(fundamental[frame], centres), centres, cell)
    return near.transpose(0, 1).reshape(near.shape[1], -1)
