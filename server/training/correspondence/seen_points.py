"""Where in the condition frame the points lie that each cell of a sample shows, by the condition frame's depth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blender_addon.core.arrays import Float32, Float64
from blender_addon.core.camera.projection import pixel_grid, project, unproject_pixels
from server.training.data.crop import Crop, covering_crop
from server.training.data.posed_clips import TrainingClip
from server.training.data.samples import Sample

PER_CELL = 4
"""Points along a cell's side that are followed, where the depth has so many pixels."""
NEAREST = 0.375
"""Cells from a cell's centre within which a point must be seen to stand for it."""
BEHIND = 1.1
"""Points farther than this many times the nearest one of a cell are hidden by it."""
CLOSEST = 0.05
"""Metres in front of a camera from which on points are seen."""


def with_points(sample: Sample, clip: TrainingClip, reference: int, cell: int) -> Sample:
    """The sample and, for each cell, where in the condition frame its point lies; NaN all over without depth.

    Args:
        sample: of the clip.
        clip: may know the depth of its frames.
        reference: the condition frame, of the sample's.
        cell: side of a cell, pixels.
    """
    frames, height, width = sample.video.shape[1:]
    number = sample.choice.indices[reference]
    depth = clip.depth_of(number)
    if depth is None:
        return replace(sample, points=torch.full((frames, height // cell, width // cell, 2), torch.nan))
    crop = covering_crop(clip.size, (width, height))
    poses, lens = clip.camera_to_world[sample.choice.indices], clip.intrinsics[number]
    points = seen_points(depth, lens, crop, poses, sample.paths.intrinsics[0].double().numpy(), reference, cell)
    return replace(sample, points=points)


def seen_points(
    depth: Float32, lens: Float64, crop: Crop, poses: Float64, intrinsics: Float64, reference: int, cell: int
) -> Tensor:
    """The place in the condition frame of what each cell shows.

    Args:
        depth: [H, W] of the condition frame, of any size, in the unit of the poses; NaN where unknown.
        lens: [3, 3] of the condition frame, pixels of `crop.source`.
        crop: of the frames.
        poses: [T, 4, 4] camera-to-world.
        intrinsics: [T, 3, 3], pixels of the crop.
        reference: which of the frames is the condition frame.
        cell: side of a cell, pixels of the crop.

    Returns:
        [T, h, w, 2] float32 (x, y), pixels of the crop; NaN where a cell shows nothing that the condition frame does.
    """
    width, height = crop.size
    scale = np.divide(crop.resized, crop.source)
    step = max(1, round(cell / PER_CELL / float(scale.min())))
    pixels = pixel_grid(*crop.source)[step // 2 :: step, step // 2 :: step].reshape(-1, 2)
    column, row = (pixels / crop.source * depth.shape[::-1]).astype(int).T
    points = unproject_pixels(pixels, depth[row, column], lens)
    source = pixels * scale - crop.left_top
    known = np.isfinite(points).all(axis=1) & _inside(source, width, height)
    points, source = points[known], source[known].astype(np.float32)
    world = points @ poses[reference, :3, :3].T + poses[reference, :3, 3]
    found = np.full((len(poses), (height // cell) * (width // cell), 2), np.nan, np.float32)
    for frame, (pose, matrix) in enumerate(zip(poses, intrinsics, strict=True)):
        pixels, distance = project(world, matrix, pose)
        ahead = np.flatnonzero((distance > CLOSEST) & _inside(pixels, width, height))
        cells, chosen = _best(pixels[ahead] / cell, distance[ahead], width // cell, len(found[frame]))
        found[frame, cells] = source[ahead[chosen]]
    return torch.from_numpy(found).unflatten(1, (height // cell, width // cell))


def _inside(pixels: Float64, width: int, height: int) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.asarray((pixels >= 0).all(axis=1) & (pixels < [width, height]).all(axis=1))


def _best(places: Float64, distance: Float64, columns: int, cells: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of each cell that shows a point: its number, and which of the points is nearest to its centre and not hidden.

    Args:
        places: [N, 2] in cells.
        distance: [N] along z.
        columns: of the grid.
        cells: in the grid.
    """
    corner = np.floor(places)
    number = (corner[:, 1] * columns + corner[:, 0]).astype(np.int64)
    apart = np.linalg.norm(places - corner - 0.5, axis=1)
    near = np.full(cells, np.inf)
    np.minimum.at(near, number, distance)
    candidates = np.flatnonzero((apart < NEAREST) & (distance < BEHIND * near[number]))
    ordered = candidates[np.lexsort((apart[candidates], number[candidates]))]
    found, first = np.unique(number[ordered], return_index=True)
    return found, ordered[first]
