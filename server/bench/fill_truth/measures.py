"""How like the truth a filled picture is, inside the filled pixels alone: PSNR, SSIM and GMSD.

SSIM (Wang et al., 2004) is the mean over the filled pixels of the structural similarity of windows around them. GMSD
(Xue et al., Gradient Magnitude Similarity Deviation, 2014) is the standard deviation over the filled pixels of the
similarity of gradient magnitudes; it is taken at full size, because many holes are but a few pixels wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve

from blender_addon.core.arrays import Bool, Float64, UInt8

LUMA = (0.299, 0.587, 0.114)
"""BT.601."""
STABLE = 170.0
"""The constant c of GMSD for values in 0..255."""


@dataclass(frozen=True)
class Likeness:
    """How like the truth a picture is.

    Attributes:
        psnr: peak signal-to-noise ratio, dB; higher is better.
        ssim: structural similarity, at most 1; higher is better.
        gmsd: gradient magnitude similarity deviation, from 0; lower is better.
    """

    psnr: float
    ssim: float
    gmsd: float


def likeness(picture: UInt8, truth: UInt8, where: Bool) -> Likeness:
    """How like the truth a picture is. Needs scikit-image.

    Args:
        picture: [H, W, 3].
        truth: [H, W, 3].
        where: [H, W] the pixels that count, at least one.
    """
    from skimage.metrics import structural_similarity

    error = picture[where].astype(float) - truth[where].astype(float)
    _, similarity = structural_similarity(picture, truth, channel_axis=2, full=True)
    first, second = (_gradient(image) for image in (picture, truth))
    gradients = (2 * first * second + STABLE) / (first**2 + second**2 + STABLE)
    return Likeness(
        psnr=float(10 * np.log10(255**2 / np.maximum((error**2).mean(), 1e-12))),
        ssim=float(similarity.mean(-1)[where].mean()),
        gmsd=float(gradients[where].std()),
    )


def _gradient(picture: UInt8) -> Float64:
    """[H, W] magnitude of the luma's gradient, by Prewitt's filter."""
    luma = picture.astype(np.float64) @ LUMA
    across = np.array([[1.0, 0.0, -1.0]] * 3) / 3
    return np.asarray(np.hypot(convolve(luma, across), convolve(luma, across.T)), dtype=np.float64)
