"""Agreement of a clip with its preview, where the preview shows anything: PSNR and SSIM under a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.depth.cleaning.windows import over_windows
from blender_addon.core.errors import ShotError
from server.geometry.filters import gaussian_blur

OPAQUE = 255
"""Alpha of a pixel that the preview covers wholly."""
SSIM_SIGMA = 1.5
"""Pixels, of the Gaussian window."""
SSIM_RADIUS = 5
"""Pixels from the window's middle to its border."""
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of each frame [F] with its preview.

    Attributes:
        psnr: [F] float64 dB, infinite when equal, NaN where nothing is visible.
        ssim: [F] float64 in -1..1, NaN where no whole window is visible.
        visible: [F] float64, the share of the frame that the preview covers wholly.
    """

    psnr: Float64
    ssim: Float64
    visible: Float64


def agreement(clip: UInt8, preview: UInt8) -> Agreement:
    """Compare a clip with its preview over the pixels that the preview covers wholly.

    Args:
        clip: [F, H, W, 3] uint8.
        preview: [F, H, W, 4] uint8, straight alpha.

    Raises:
        ShotError: frame counts or sizes differ.
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
    """Peak signal-to-noise ratio of two pictures under a mask.

    Args:
        a, b: [H, W, 3] in 0..255.
        mask: [H, W] which pixels count.

    Returns:
        dB; infinite when equal, NaN for an empty mask.
    """
    if not mask.any():
        return float("nan")
    error = float(((a - b)[mask] ** 2).mean())
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim(a: Float64, b: Float64, mask: NDArray[np.bool_]) -> float:
    """Structural similarity of two pictures under a mask (Wang et al. 2004: luma, Gaussian window of 11, sigma 1.5).

    Args:
        a, b: [H, W, 3] in 0..255.
        mask: [H, W] which pixels count.

    Returns:
        The mean over the windows that lie wholly inside the mask, in -1..1; NaN when there is none.
    """
    # Windows that reach beyond the picture do not lie inside the mask either.
    inside = np.zeros_like(mask)
    inside[SSIM_RADIUS:-SSIM_RADIUS, SSIM_RADIUS:-SSIM_RADIUS] = True
    whole = over_windows(np.logical_and, mask, 2 * SSIM_RADIUS + 1) & inside
    if not whole.any():
        return float("nan")
    x, y = a @ LUMA, b @ LUMA
    mean_x, mean_y, square_x, square_y, product = (
        gaussian_blur(values, SSIM_SIGMA, SSIM_RADIUS) for values in (x, y, x * x, y * y, x * y)
    )
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    covariance = product - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return float(likeness[whole].mean())
