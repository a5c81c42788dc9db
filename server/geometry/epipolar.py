"""Epipolar geometry between the frames of a clip, on grids of square cells (a cell is `cell` x `cell` pixels)."""

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
    """The fundamental matrix between every two frames of a clip.

    Args:
        poses: camera-to-world [B, T, 4, 4].
        intrinsics: [B, T, 3, 3], pixels.
        conventions: where to follow the published geometry.
        noise: [B, T, T, 3], see `baselines`.

    Returns:
        [B, T, T, 3, 3]: entry (i, j) maps a pixel of frame i to its epipolar line in frame j. float64, or the inputs'
        dtype if the conventions ask for single precision.

    Raises:
        ValueError: the conventions want noise and there is none.
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
    """The centres of a grid's cells, row by row.

    Args:
        height: of the frame, pixels.
        width: of the frame, pixels.
        cell: side of a cell, pixels.
        offset: added to x and y, pixels.

    Returns:
        [N, 3] float64 homogeneous pixel positions.
    """
    x = torch.arange(width // cell, dtype=torch.float64) * cell + cell / 2 + offset
    y = torch.arange(height // cell, dtype=torch.float64) * cell + cell / 2 + offset
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x, grid_y, torch.ones_like(grid_x)], dim=-1).reshape(-1, 3)


def epipolar_lines(fundamental: Tensor, centres: Tensor) -> Tensor:
    """The epipolar lines of points, normalised so that a x + b y + c is the distance in pixels.

    Args:
        fundamental: [..., 3, 3].
        centres: [N, 3] homogeneous pixel positions.

    Returns:
        [..., N, 3] lines (a, b, c) with a^2 + b^2 = 1, of the matrices' dtype.
    """
    lines = centres.to(fundamental) @ fundamental.transpose(-1, -2)
    return lines / lines[..., :2].norm(dim=-1, keepdim=True)


def near_lines(lines: Tensor, centres: Tensor, cell: int) -> Tensor:
    """Which cells the lines pass near: closer to the cell's centre than half its diagonal.

    Args:
        lines: [..., N, 3] as `epipolar_lines` gives them.
        centres: [M, 3] homogeneous pixel positions.
        cell: side of a cell, pixels.

    Returns:
        [..., N, M] bool.
    """
    return (lines @ centres.to(lines).T).abs() < cell * 2**0.5 / 2


def epipolar_mask(
    fundamental: Tensor, height: int, width: int, cell: int, conventions: CameraConventions = CORRECT
) -> Tensor:
    """Which tokens may attend to which, as one dense mask: for small grids only.

    Args:
        fundamental: [B, T, T, 3, 3], see `fundamental_matrices`.
        height: of the frame, pixels.
        width: of the frame, pixels.
        cell: side of a cell, pixels; the grid has h = height / cell rows and w = width / cell columns.
        conventions: their `cell_offset` is used.

    Returns:
        [B, T h w, T h w] bool: row = query cell of frame i, column = key cell of frame j.
    """
    centres = cell_centres(height, width, cell, conventions.cell_offset).to(fundamental)
    near = near_lines(epipolar_lines(fundamental, centres), centres, cell)
    batch, frames, _, cells, _ = near.shape
    return near.transpose(2, 3).reshape(batch, frames * cells, frames * cells)


def epipolar_mask_rows(
    fundamental: Tensor, frame: int, height: int, width: int, cell: int, conventions: CameraConventions = CORRECT
) -> Tensor:
    """The rows of `epipolar_mask` that belong to the queries of one frame.

    Args:
        fundamental: [T, T, 3, 3], of one clip.
        frame: index of the queries' frame.
        height: of the frame, pixels.
        width: of the frame, pixels.
        cell: side of a cell, pixels.
        conventions: their `cell_offset` is used.

    Returns:
        [h w, T h w] bool.
    """
    centres = cell_centres(height, width, cell, conventions.cell_offset).to(fundamental)
    near = near_lines(epipolar_lines(fundamental[frame], centres), centres, cell)
    return near.transpose(0, 1).reshape(near.shape[1], -1)
