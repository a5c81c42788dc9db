"""The published preview: a cloud of points, each a square of two pixels, four samples a pixel.

Open3D's unlit point rendering, as measured. The product draws a mesh instead (preview.py), which has no gaps between
points; this is for comparing with the published previews, whose holes are black.
"""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.trajectory import inverse

SAMPLES = np.array([(-2, -6), (6, -2), (-6, 2), (2, 6)]) / 16.0
"""Where a pixel is sampled, (x, y) pixels from its centre."""

NEAR = 1e-6


def splat_points(
    points: Float64, colours: UInt8, intrinsics: Float64, camera_to_world: Float64, size: tuple[int, int]
) -> UInt8:
    """Points [N, 3] of colours [N, 3] uint8 seen by one camera, [H, W, 3] uint8; size: (width, height).

    A point that projects to (u, v) fills [u - 1, u + 1) x [v - 1, v + 1), the corner of the image being (0, 0). In each
    sample the nearest point wins, of equally near ones the last; a pixel is the mean of its samples, black where none.
    """
    width, height = size
    world_to_camera = inverse(camera_to_world)
    seen = points.astype(np.float64) @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    # What is written last stays: far before near, and in the order given where the depth is the same.
    order = np.argsort(-seen[:, 2], kind="stable")
    order = order[seen[order, 2] > NEAR]
    projected = seen[order] @ intrinsics.T
    corner = projected[:, :2] / projected[:, 2:] - 1.0
    total = np.zeros((height, width, 3))
    for sample in SAMPLES:
        # The first of the two columns and rows whose sample lies inside the square.
        first = np.ceil(corner - 0.5 - sample).astype(np.int64)
        cells = first[:, None] + np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
        inside = ((cells >= 0) & (cells < (width, height))).all(axis=-1)
        x, y = np.moveaxis(cells[inside], -1, 0)
        layer = np.zeros((height, width, 3))
        layer[y, x] = np.repeat(colours[order][:, None], 4, axis=1)[inside]
        total += layer
    return np.round(total / len(SAMPLES)).astype(np.uint8)
