"""Fréchet distance between two sets of features, and FVD: that distance over I3D features of clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.errors import RealCamError
from server.packages import install_remedy

VideoFeatures = Callable[[UInt8], Float64]
"""Clip [F, H, W, 3] uint8 -> its feature vector [D]."""

I3D_SIZE = 224
"""Pixels; side of the square that the network takes."""


class FeatureError(RealCamError):
    """Feature sets cannot be compared, or a feature network cannot be used."""


def frechet_distance(a: Float64, b: Float64) -> float:
    """Squared Fréchet distance between the Gaussians fitted to two sets of features (covariance over n - 1).

    Args:
        a: [N, D].
        b: [M, D].

    Raises:
        FeatureError: a set has fewer than two vectors, or the widths differ.
    """
    if min(len(a), len(b)) < 2 or a.shape[1] != b.shape[1]:
        raise FeatureError(
            "The feature sets cannot be compared",
            f"shapes {list(a.shape)} and {list(b.shape)}",
            "Give at least two clips on each side.",
        )
    covariance_a, covariance_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    return gaussian_distance(a.mean(axis=0), covariance_a, b.mean(axis=0), covariance_b)


def gaussian_distance(mean_a: Float64, covariance_a: Float64, mean_b: Float64, covariance_b: Float64) -> float:
    """Squared Fréchet distance of two Gaussians: |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    Args:
        mean_a, mean_b: [D].
        covariance_a, covariance_b: [D, D].
    """
    # The root of A^(1/2) B A^(1/2) has the same trace as that of A B and is symmetric: no complex rounding.
    root = _symmetric_root(covariance_a)
    middle = np.linalg.eigvalsh(root @ covariance_b @ root)
    trace_of_root = np.sqrt(np.clip(middle, 0.0, None)).sum()
    difference = mean_a - mean_b
    return float(difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2 * trace_of_root)


def video_distance(real: Iterable[UInt8], made: Iterable[UInt8], features: VideoFeatures) -> float:
    """FVD between two sets of clips.

    Args:
        real, made: clips [F, H, W, 3] uint8.
        features: the feature network.

    Raises:
        FeatureError: a set has fewer than two clips.
    """
    return frechet_distance(np.stack([features(clip) for clip in real]), np.stack([features(clip) for clip in made]))


def i3d_features(torchscript: Path) -> VideoFeatures:
    """Feature function of the commonly used I3D TorchScript file (400 logits, Kinetics).

    The network is given clips already resized to 224 x 224 in [-1, 1].

    Args:
        torchscript: the file.

    Raises:
        FeatureError: the file is not there, is no network, or torch is missing.
    """
    if not torchscript.is_file():
        raise FeatureError("There is no I3D network", f"{torchscript} is not a file", "Give its TorchScript file.")
    try:
        import torch
    except ImportError as error:
        raise FeatureError(
            "FVD cannot be computed on this machine", "torch is not installed", install_remedy("models")
        ) from error
    try:
        network = torch.jit.load(str(torchscript)).eval()
    except RuntimeError as error:
        raise FeatureError("This is no I3D network", f"{torchscript} is no TorchScript file") from error

    def features(clip: UInt8) -> Float64:
        with torch.no_grad():
            out = network(torch.from_numpy(i3d_input(clip)), rescale=False, resize=False, return_features=True)
        return np.asarray(out.flatten().numpy(), dtype=np.float64)

    return features


def i3d_input(clip: UInt8) -> NDArray[np.float32]:
    """A clip as the I3D network takes it: the shorter side resized to 224, centre cropped.

    Args:
        clip: [F, H, W, 3] uint8.

    Returns:
        [1, 3, F, 224, 224] float32 in [-1, 1].
    """
    import torch

    video = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 255
    scale = I3D_SIZE / min(video.shape[-2:])
    size = [max(I3D_SIZE, int(np.ceil(n * scale))) for n in video.shape[-2:]]
    video = torch.nn.functional.interpolate(video, size=size, mode="bilinear", align_corners=False)
    top, left = ((n - I3D_SIZE) // 2 for n in size)
    cropped = video[..., top : top + I3D_SIZE, left : left + I3D_SIZE]
    return np.asarray(((cropped - 0.5) * 2).permute(1, 0, 2, 3)[None].numpy(), dtype=np.float32)


def _symmetric_root(matrix: Float64) -> Float64:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T, dtype=np.float64)
