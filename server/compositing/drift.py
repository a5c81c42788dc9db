"""How far a clip had drifted from the preview where that shows the photo."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageChops

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.payloads.seen_drift import SeenDrift

LARGEST_PSNR = 99.0
"""dB, of pictures that are the same."""


def difference_counts(frame: UInt8, preview: UInt8, visible: UInt8) -> Float64:
    """[256] how many values of the visible pixels' channels differ by so much in one frame.

    Args:
        frame: [H, W, 3] of the clip.
        preview: [H, W, 3].
        visible: [H, W] uint8, 255 where the preview shows the photo, else 0.
    """
    difference = ImageChops.difference(Image.fromarray(frame), Image.fromarray(preview))
    counts = difference.histogram(Image.fromarray(visible))
    return np.asarray(np.array(counts, dtype=np.float64).reshape(3, 256).sum(axis=0), dtype=np.float64)


def seen_drift(counts: Float64) -> SeenDrift | None:
    """The drift of a clip; None where nothing is counted in any frame.

    Args:
        counts: [F, 256] see `difference_counts`.
    """
    sizes = np.arange(256.0)
    values = counts.sum(axis=1)
    if not values.any():
        return None
    frames = [float(count @ sizes / number) if number else None for count, number in zip(counts, values, strict=True)]
    together = counts.sum(axis=0)
    squared = float(together @ sizes**2 / values.sum())
    psnr = LARGEST_PSNR if squared == 0 else min(LARGEST_PSNR, 10 * math.log10(255**2 / squared))
    return SeenDrift(difference=float(together @ sizes / values.sum()), psnr=psnr, frames=frames)


def drift_words(drift: SeenDrift) -> str:
    """The drift in a sentence for the artist."""
    known = [(value, index) for index, value in enumerate(drift.frames) if value is not None]
    worst, frame = max(known, key=lambda pair: pair[0])
    said = (
        "What the photo sees was laid back over the clip, which had drifted from it by "
        f"{drift.difference:.1f} of 255 on average ({drift.psnr:.1f} dB)"
    )
    return f"{said}, most in frame {frame + 1} of {len(drift.frames)}, by {worst:.1f}."
