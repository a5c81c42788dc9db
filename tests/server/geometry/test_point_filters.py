"""Statistical outliers, point for point as the published rule drops them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from server.geometry.point_filters import mean_distances, outlier_threshold, statistical_outliers


def test_the_published_rule(parity_kit: Path) -> None:
    golden = load_file(parity_kit / "scene_render.safetensors")
    points = golden["outliers.points"]
    distance = mean_distances(points)
    assert np.allclose(distance, golden["outliers.mean_dist"], atol=1e-9)
    assert outlier_threshold(distance) == pytest.approx(float(golden["outliers.threshold"][0]), abs=1e-9)
    assert np.array_equal(~statistical_outliers(points), golden["outliers.keep"].astype(bool))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_points(count: int) -> None:
    points = np.random.default_rng(0).normal(size=(count, 3))
    assert statistical_outliers(points).shape == (count,)
