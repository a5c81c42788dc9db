"""The Fréchet distance against its closed forms, and FVD through a TorchScript network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.evaluation.frechet import (
    FeatureError,
    frechet_distance,
    gaussian_distance,
    i3d_features,
    i3d_input,
    video_distance,
)


def covariance(random: np.random.Generator, width: int) -> np.ndarray:
    a = random.normal(size=(width, width))
    return a @ a.T / width


@given(st.integers(0, 1000), st.floats(0.1, 5.0))
def test_scaled_covariances_have_a_closed_form(seed: int, factor: float) -> None:
    """d(N(0, C), N(m, f^2 C)) = |m|^2 + (1 - f)^2 tr C."""
    random = np.random.default_rng(seed)
    c, mean = covariance(random, 6), random.normal(size=6)
    expected = mean @ mean + (1 - factor) ** 2 * np.trace(c)
    assert gaussian_distance(np.zeros(6), c, mean, factor**2 * c) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.lists(st.floats(0.0, 9.0), min_size=3, max_size=3), st.lists(st.floats(0.0, 9.0), min_size=3, max_size=3))
def test_diagonal_covariances_have_a_closed_form(a: list[float], b: list[float]) -> None:
    expected = float(((np.sqrt(a) - np.sqrt(b)) ** 2).sum())
    assert gaussian_distance(np.zeros(3), np.diag(a), np.zeros(3), np.diag(b)) == pytest.approx(expected, abs=1e-6)


def test_the_distance_to_itself_is_zero_and_order_does_not_matter() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(12, 30)), random.normal(1.0, 2.0, size=(9, 30))  # fewer clips than features: singular
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)


def test_one_clip_has_no_covariance() -> None:
    with pytest.raises(FeatureError, match="at least two clips"):
        frechet_distance(np.zeros((1, 4)), np.zeros((3, 4)))


# The published I3D file is TorchScript, whatever PyTorch would rather have.
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
def test_fvd_through_a_torchscript_network(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: FVD's network cannot run")

    class MeanColour(torch.nn.Module):
        def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
            return x.mean(dim=[2, 3, 4])

    torch.jit.script(MeanColour()).save(str(tmp_path / "i3d.pt"))
    features = i3d_features(tmp_path / "i3d.pt")
    grey = [np.full((4, 40, 64, 3), value, np.uint8) for value in (0, 51, 102)]
    brighter = [clip + np.uint8(51) for clip in grey]
    assert i3d_input(grey[1]).shape == (1, 3, 4, 224, 224)
    assert features(grey[1]) == pytest.approx([51 / 255 * 2 - 1] * 3, abs=1e-5)
    assert video_distance(grey, brighter, features) == pytest.approx(3 * 0.4**2, abs=1e-4)


def test_a_missing_network_is_said(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="TorchScript"):
        i3d_features(tmp_path / "none.pt")
