"""How well a clip shows what the preview showed, where the preview shows anything: PSNR and SSIM under a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, minimum_filter

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.errors import ShotError

OPAQUE = 255
SSIM_SIGMA = 1.5
SSIM_RADIUS = 5
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, eq=False)
class Agreement:
    """Per frame [F]: psnr in dB (infinite when equal), ssim in -1..1, both NaN where nothing is visible;
    visible, the share of the frame the preview covers."""

    psnr: Float64
    ssim: Float64
    visible: Float64


def agreement(clip: UInt8, preview: UInt8) -> Agreement:
    """clip [F, H, W, 3] against preview [F, H, W, 4] (straight alpha), over pixels that are wholly covered.

    Raises ShotError when frames or sizes differ.
    """
    if clip.shape[:3] != preview.shape[:3]:
        raise ShotError(
            "The clip does not fit its preview", f"clip {list(clip.shape[:3])}, preview {list(preview.shape[:3])}"
        )
    seen = preview[..., 3] == OPAQUE
    pairs = [(clip[i].astype(np.float64), preview[i, ..., :3].astype(np.float64), seen[i]) for i in range(len(clip))]
    return Agreement(
        psnr=np.array([psnr(*pair) for pair in pairs]),
        ssim=np.array([ssim(*pair) for pair in pairs]),
        visible=seen.mean(axis=(1, 2)),
    )


def psnr(a: Float64, b: Float64, mask: NDArray[np.bool_]) -> float:
    """Peak signal-to-noise ratio in dB of pictures [H, W, 3] in 0..255 over mask [H, W]; NaN for an empty mask."""
    if not mask.any():
        return float("nan")
    error = float(((a - b)[mask] ** 2).mean())
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim(a: Float64, b: Float64, mask: NDArray[np.bool_]) -> float:
    """Structural similarity (Wang et al. 2004: luma, Gaussian window of 11, sigma 1.5) of pictures [H, W, 3] in 0..255,
    averaged over the windows that lie wholly inside mask [H, W]; NaN when there is none."""
    whole = minimum_filter(mask, size=2 * SSIM_RADIUS + 1, mode="constant", cval=0)
    if not whole.any():
        return float("nan")
    x, y = a @ LUMA, b @ LUMA
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return float(likeness[whole].mean())


def _blur(picture: Float64) -> Float64:
    return np.asarray(gaussian_filter(picture, SSIM_SIGMA, radius=SSIM_RADIUS), dtype=np.float64)
