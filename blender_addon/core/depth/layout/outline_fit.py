"""A roughly drawn region brought to the edges that the photo has near its outline.

The guided filter (He, Sun, Tang 2013) explains the region, within a window, as a linear function of the photo's colour;
where the colours inside and outside differ, its step moves to where the colour changes. It is repeated on its own
result, sharpened, within a band around the outline.
"""

from __future__ import annotations

import numpy as np

from ...arrays import Bool, Float64, UInt8

REACH = 0.013
"""How far the outline may be off, as a share of the photo's width."""
ROUNDS = 4
SMOOTH = 1e-3
"""Variance of a colour (0 to 1) below which it says nothing."""
SHARPER = 2.0
"""Steepness that each round gives the region's step."""


def fitted_region(inside: Bool, photo: UInt8) -> Bool:
    """The region with its outline on the photo's edges, where there are any within reach of it.

    Args:
        inside: [h, w] bool.
        photo: [h, w, 3] uint8, of the same size.

    Returns:
        [h, w] bool; what is farther from the outline than REACH stays as it is.
    """
    reach = max(round(REACH * inside.shape[1]), 2)
    part = _around(inside, 4 * reach)
    if part is None:
        return inside
    drawn, guide = inside[part].astype(np.float64), photo[part] / 255.0
    near = _mean(drawn, reach)
    band = (near > 1e-6) & (near < 1 - 1e-6)
    step = drawn
    for _ in range(ROUNDS):
        sharp = np.clip((_guided(guide, step, reach) - 0.5) * SHARPER + 0.5, 0.0, 1.0)
        step = np.where(band, sharp, drawn)
    result = inside.copy()
    # Spikes and specks of a pixel or two go.
    result[part] = _mean((step > 0.5).astype(np.float64), 2) > 0.5
    return result


def _around(inside: Bool, margin: int) -> tuple[slice, slice] | None:
    """The rectangle of the region with a margin; None when there is no region."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    top, left = max(int(rows[0]) - margin, 0), max(int(columns[0]) - margin, 0)
    return slice(top, int(rows[-1]) + margin + 1), slice(left, int(columns[-1]) + margin + 1)


def _mean(values: Float64, reach: int) -> Float64:
    """[h, w], the mean within `reach` pixels each way; beyond the border the last value goes on."""
    side = 2 * reach + 1
    sums = np.pad(values, (reach + 1, reach), mode="edge").cumsum(0).cumsum(1)
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(total / side**2)


def _guided(guide: Float64, step: Float64, reach: int) -> Float64:
    """[h, w] the guided filter of `step` [h, w] by the colours `guide` [h, w, 3]."""
    channels = np.moveaxis(guide, -1, 0)
    means = [_mean(channel, reach) for channel in channels]
    mean_step = _mean(step, reach)
    spread = np.empty((*step.shape, 3, 3))
    common = np.empty((*step.shape, 3))
    for i in range(3):
        common[..., i] = _mean(channels[i] * step, reach) - means[i] * mean_step
        for j in range(i, 3):
            spread[..., i, j] = _mean(channels[i] * channels[j], reach) - means[i] * means[j]
            spread[..., j, i] = spread[..., i, j]
        spread[..., i, i] += SMOOTH
    per_channel = np.moveaxis(np.linalg.solve(spread, common[..., None])[..., 0], -1, 0)
    constant = mean_step - sum(a * mean for a, mean in zip(per_channel, means, strict=True))
    slopes = sum(_mean(a, reach) * channel for a, channel in zip(per_channel, channels, strict=True))
    return np.asarray(slopes + _mean(constant, reach))
