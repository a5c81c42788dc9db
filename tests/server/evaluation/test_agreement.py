"""PSNR and SSIM where the preview shows something, on the motorcycle photo."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.errors import ShotError
from server.demo.motorcycle import Motorcycle
from server.evaluation.agreement import agreement, psnr, ssim

EVERYWHERE = np.ones((160, 240), bool)


def crop(bike: Motorcycle) -> np.ndarray:
    return bike.photo[100:260, 200:440]


def noisy(picture: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def test_as_scikit_image_measures(bike: Motorcycle) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    a, b = crop(bike).astype(float), noisy(crop(bike), 12.0).astype(float)
    assert psnr(a, b, EVERYWHERE) == pytest.approx(metrics.peak_signal_noise_ratio(a, b, data_range=255), rel=1e-9)
    luma = np.array([0.299, 0.587, 0.114])
    theirs = metrics.structural_similarity(
        a @ luma, b @ luma, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(a, b, EVERYWHERE) == pytest.approx(theirs, abs=1e-6)


def test_what_the_preview_cannot_see_does_not_count(bike: Motorcycle) -> None:
    preview = np.full((2, 160, 240, 4), 255, np.uint8)
    preview[..., :3] = crop(bike)
    preview[:, :, 120:, 3] = 0
    clip = preview[..., :3].copy()
    clip[:, :, 120:] = 0
    clip[1, 10, 10] += 1
    result = agreement(clip, preview)
    assert result.visible == pytest.approx([0.5, 0.5])
    assert result.psnr[0] == np.inf
    assert 60 < result.psnr[1] < np.inf
    assert result.ssim[0] == pytest.approx(1.0)


def test_a_preview_that_sees_nothing_gives_no_number(bike: Motorcycle) -> None:
    preview = np.zeros((1, 160, 240, 4), np.uint8)
    result = agreement(crop(bike)[None], preview)
    assert np.isnan(result.psnr).all()
    assert np.isnan(result.ssim).all()


def test_sizes_must_agree() -> None:
    with pytest.raises(ShotError, match="does not fit its preview"):
        agreement(np.zeros((2, 8, 8, 3), np.uint8), np.zeros((3, 8, 8, 4), np.uint8))
