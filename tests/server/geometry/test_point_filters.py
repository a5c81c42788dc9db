"""Statistical outliers, point for point as the published rule drops them."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.cleaning.outliers import outlier_threshold
from server.geometry.point_filters import mean_distances, statistical_outliers
from tests.server.parity import ParityKit


def test_the_published_rule(kit: ParityKit) -> None:
    points = kit.arrays("scene_render")["outliers.points"]
    distance = mean_distances(points)
    kit.check("scene_render", "outliers.mean_dist", distance)
    kit.check("scene_render", "outliers.threshold", [outlier_threshold(distance)])
    kit.check("scene_render", "outliers.keep", ~statistical_outliers(points))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_points(count: int) -> None:
    points = np.random.default_rng(0).normal(size=(count, 3))
    assert statistical_outliers(points).shape == (count,)
