"""Fit a few keyframes with Bezier handles to a densely sampled curve, so that it can be edited in the graph editor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Float64
from ..errors import CameraError


@dataclass(frozen=True, eq=False)
class Keyframes:
    """K keys of C animated channels.

    A cubic Bezier whose handles are a third of the gap away is the cubic Hermite curve of these values and slopes.

    Attributes:
        times: [K] float64, frames, increasing.
        values: [K, C] float64, each channel in its own unit.
        slopes: [K, C] float64, change of the value per frame.
    """

    times: Float64
    values: Float64
    slopes: Float64

    def left_handles(self) -> Float64:
        """[K, C, 2] (frame, value) of each key's left handle, for handle type FREE or ALIGNED."""
        return self._handles(-np.diff(self.times, prepend=2 * self.times[0] - self.times[min(1, len(self.times) - 1)]))

    def right_handles(self) -> Float64:
        """[K, C, 2] (frame, value) of each key's right handle, for handle type FREE or ALIGNED."""
        return self._handles(np.diff(self.times, append=2 * self.times[-1] - self.times[max(-2, -len(self.times))]))

    def _handles(self, gaps: Float64) -> Float64:
        reach = gaps[:, None] / 3
        frames = np.broadcast_to(self.times[:, None] + reach, self.values.shape)
        return np.stack([frames, self.values + reach * self.slopes], axis=-1)

    def at(self, times: ArrayLike) -> Float64:
        """The curve at given times: what an F-curve with these keys and handles evaluates to.

        Args:
            times: [N] frames within the first and last key.

        Returns:
            [N, C] float64.
        """
        t = np.asarray(times, dtype=np.float64)
        if len(self.times) == 1:
            return np.repeat(self.values, len(t), axis=0)
        left = np.clip(np.searchsorted(self.times, t, side="right") - 1, 0, len(self.times) - 2)
        gap = (self.times[left + 1] - self.times[left])[:, None]
        u = (t - self.times[left])[:, None] / gap
        start, end = (2 * u + 1) * (1 - u) ** 2, u**2 * (3 - 2 * u)
        leave, arrive = u * (1 - u) ** 2, u**2 * (u - 1)
        return np.asarray(
            start * self.values[left]
            + end * self.values[left + 1]
            + gap * (leave * self.slopes[left] + arrive * self.slopes[left + 1]),
            dtype=np.float64,
        )


def fit_keyframes(times: ArrayLike, values: ArrayLike, tolerance: ArrayLike) -> Keyframes:
    """The smallest evenly spread set of keys whose curve stays within tolerance of every sample.

    Keys fall on whole frames where there are samples on whole frames, else on samples.

    Args:
        times: [N] frames, increasing. Sample densely (16 a frame), so that slopes can be estimated.
        values: [N, C] channels; angles must be continuous (np.unwrap).
        tolerance: [C] or one number, in each channel's unit.

    Returns:
        The keys; when even a key at every allowed sample is not close enough, that densest set.

    Raises:
        CameraError: `times` and `values` differ in length or dimensions, are empty, or the times do not increase.
    """
    t = np.asarray(times, dtype=np.float64)
    v = np.asarray(values, dtype=np.float64)
    if t.ndim != 1 or v.ndim != 2 or len(t) != len(v) or len(t) == 0 or (np.diff(t) <= 0).any():
        raise CameraError(
            "The samples of the curve do not fit each other", f"times {list(t.shape)}, values {list(v.shape)}"
        )
    if len(t) < 3:
        return Keyframes(t, v, np.gradient(v, t, axis=0) if len(t) == 2 else np.zeros_like(v))
    slopes = np.gradient(v, t, axis=0, edge_order=2)
    whole = np.flatnonzero(np.abs(t - np.round(t)) < 1e-6)
    allowed = np.unique(np.concatenate([[0], whole, [len(t) - 1]])) if len(whole) > 1 else np.arange(len(t))
    for count in range(2, len(allowed) + 1):
        evenly = np.linspace(t[0], t[-1], count)
        nearest = allowed[np.abs(t[allowed][None] - evenly[:, None]).argmin(axis=1)]
        keys = Keyframes(t[nearest], v[nearest], slopes[nearest])
        if (np.diff(keys.times) > 0).all() and (np.abs(keys.at(t) - v) <= tolerance).all():
            return keys
    return Keyframes(t[allowed], v[allowed], slopes[allowed])
