"""Sim(3) and SE(3) alignment, against the figures measured on TUM trajectories of other people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from blender_addon.core.errors import CameraError
from tests.server.published.alignment import align_points, root_mean_square

NEAR = 0.01
"""Seconds between two time stamps that are taken for the same moment."""


def read_centres(path: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = np.loadtxt(path)
    return rows[:, 0], rows[:, 1:4]


def matched(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    truth_times, truth = read_centres(folder / "freiburg1_xyz-groundtruth.txt")
    times, centres = read_centres(folder / name)
    nearest = np.abs(times[:, None] - truth_times[None]).argmin(axis=1)
    same = np.abs(truth_times[nearest] - times) <= NEAR
    return centres[same], truth[nearest[same]]


def test_a_rigid_alignment_of_a_metric_trajectory(shared_data: Path) -> None:
    estimate, truth = matched(shared_data / "trajectories/tum_format_evo", "freiburg1_xyz-rgbdslam.txt")
    aligned = align_points(estimate, truth, with_scale=False)
    assert aligned.scale == 1.0
    assert root_mean_square(aligned.points(estimate), truth) == pytest.approx(0.01347, abs=2e-5)


def test_a_monocular_trajectory_needs_a_scale(shared_data: Path) -> None:
    estimate, truth = matched(shared_data / "trajectories/tum_format_evo", "freiburg1_xyz-ORB_kf_mono.txt")
    aligned = align_points(estimate, truth)
    assert aligned.scale == pytest.approx(1.1056, abs=2e-4)
    assert root_mean_square(aligned.points(estimate), truth) == pytest.approx(0.00975, abs=2e-5)


@given(st.integers(0, 10_000), st.floats(0.01, 100.0))
def test_a_known_similarity_comes_back(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    points, translation = random.normal(size=(8, 3)), random.normal(size=3)
    rotation = Rotation.random(random_state=seed).as_matrix()
    found = align_points(points, scale * points @ rotation.T + translation)
    assert found.scale == pytest.approx(scale, rel=1e-9)
    assert np.allclose(found.rotation, rotation, atol=1e-9)
    assert np.allclose(found.translation, translation, atol=1e-7)


def test_a_mirror_image_is_not_called_a_rotation() -> None:
    points = np.random.default_rng(1).normal(size=(20, 3))
    found = align_points(points, points * [-1, 1, 1])
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)
    assert root_mean_square(found.points(points), points * [-1, 1, 1]) > 0.1


def test_points_that_say_nothing_are_refused() -> None:
    with pytest.raises(CameraError, match="at least 3"):
        align_points(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(CameraError, match="coincide"):
        align_points(np.ones((5, 3)), np.ones((5, 3)))
