"""The published preview's splats against Open3D's own pictures."""

from __future__ import annotations

import numpy as np

from tests.server.published.parity import ParityKit
from tests.server.published.point_splat import splat_points


def test_published_previews(kit: ParityKit) -> None:
    g = kit.arrays("scene_render")
    frames = g["render.frames"]
    height, width = frames.shape[1:3]
    poses = np.linalg.inv(g["render.w2c"])
    ours = [
        splat_points(g["render.points"], g["render.colors"], g["render.K"], pose, (width, height)) for pose in poses
    ]
    holes = (np.stack(ours) == 0).all(axis=-1) == (frames == 0).all(axis=-1)
    assert holes.mean() > 0.99
    assert np.abs(np.stack(ours).astype(int) - frames).mean() < 2.0
    kit.held("scene_render", "render.frames")


def test_coverage_of_one_point(kit: ParityKit) -> None:
    """A white point at a quarter of a pixel's steps: how much of each pixel it fills, in quarters."""
    levels = kit.arrays("scene_render")["render.splat_levels"]
    intrinsics = np.array([[100.0, 0, 0], [0, 100.0, 0], [0, 0, 1]])
    for step, golden in enumerate(levels):
        at = np.array([40 + step / 4, 20 + step / 4])
        point = np.append(at / 100.0, 1.0)[None]
        ours = splat_points(point, np.full((1, 3), 255, np.uint8), intrinsics, np.eye(4), (96, 64))
        assert np.array_equal(ours[16:24, 36:44, 0], golden)
        assert ours.sum() == 3 * int(golden.sum()), "and nothing elsewhere"
    kit.held("scene_render", "render.splat_levels")


def test_nearest_wins_and_of_equals_the_last() -> None:
    points = np.array([[0.5, 0.5, 2.0], [0.25, 0.25, 1.0], [0.25, 0.25, 1.0], [0.0, 0.0, -1.0]])
    colours = np.array([[10, 0, 0], [20, 0, 0], [30, 0, 0], [40, 0, 0]], np.uint8)
    picture = splat_points(points, colours, np.diag([8.0, 8.0, 1.0]), np.eye(4), (4, 4))
    assert picture[1, 1, 0] == 30
    assert set(picture[..., 0].ravel().tolist()) == {0, 30}, (
        "the far point is behind the near ones, the last is behind us"
    )
