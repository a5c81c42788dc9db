"""A layout's depth with another depth of the same photo: a network's or a sensor's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Bool, Float32, Float64
from ...errors import PhotoError
from ..depth_mesh import known_depth
from .layout import DepthLayout
from .region import nearest_pixels
from .surfaces import CUT_OUT, FLOOR, LayoutSurfaces

FARTHEST_FLOOR = 1000.0
"""Metres up to which floor and walls are known when no farthest distance is given."""
FEWEST = 50
"""Pixels of common floor below which two depths cannot be aligned."""
CLOSE = 0.02
"""Relative distance from the floor, in inverse depth, at which a pixel has half the weight in the fit."""
TRIES = 200
ROUNDS = 20


@dataclass(frozen=True)
class Alignment:
    """How another depth was brought to the ground: 1 / metres = scale / stored + shift.

    Attributes:
        scale: of the inverse depth.
        shift: added to it, 1 / metres.
        residual: median relative distance from the ground of the pixels that agree.
        agreeing: share of the floor's pixels within 3 CLOSE of the ground, 0 to 1.
    """

    scale: float
    shift: float
    residual: float
    agreeing: float

    @property
    def words(self) -> str:
        """For the artist."""
        return f"{self.agreeing:.0%} of the ground agrees, within {self.residual:.1%} on the median"

    def applied(self, depth: Float32) -> Float32:
        """[h, w] float32 metres; NaN where unknown or where the aligned depth is not in front of the camera."""
        with np.errstate(divide="ignore", invalid="ignore"):
            aligned = 1 / (self.scale / depth.astype(np.float64) + self.shift)
        return known_depth(aligned)


def mixed_depth(layout: DepthLayout, surfaces: LayoutSurfaces, base: Float32 | None) -> Float32:
    """A layout's surfaces with what it says of the rest of the photo.

    Args:
        layout: its `farthest` and `mixing` are used.
        surfaces: [h, w], its own.
        base: [h', w'] metres, NaN where unknown, at any size; None for none.

    Returns:
        [h, w] float32 metres, NaN where nothing is known.

    Raises:
        PhotoError: the base cannot be aligned to the floor.
    """
    cut_outs = surfaces.shows(CUT_OUT)
    stands = known_depth(np.where(_within(layout, surfaces) | cut_outs, surfaces.depth, np.nan))
    if base is not None:
        other = nearest_pixels(known_depth(base), stands.shape)
        if layout.mixing == "align":
            other = align_to_floor(layout, surfaces, other).applied(other)
        keeps = {"replace": np.isnan(stands), "fill": True, "align": ~cut_outs}[layout.mixing]
        stands = np.where(np.isfinite(other) & keeps, other, stands)
    if layout.farthest is not None:
        stands = np.where(np.isfinite(stands), stands, np.float32(layout.farthest))
    return stands


def _within(layout: DepthLayout, surfaces: LayoutSurfaces) -> Bool:
    limit = FARTHEST_FLOOR if layout.farthest is None else layout.farthest
    return np.asarray(surfaces.depth < limit)


def align_to_floor(layout: DepthLayout, surfaces: LayoutSurfaces, base: Float32) -> Alignment:
    """The scale and shift of inverse depth that lay another depth's floor on the layout's.

    What stands on the floor and was not laid out is nearer than it: the fit looks for the line that most of the floor's
    pixels agree on and is not drawn by the others.

    Args:
        layout: its `farthest` is used.
        surfaces: [h, w], its own.
        base: [h', w'] metres, NaN where unknown, at any size; its inverse may be off by a scale and a shift.

    Raises:
        PhotoError: they share too little floor, or disagree on which way it runs.
    """
    base = nearest_pixels(known_depth(base), surfaces.depth.shape)
    both = surfaces.shows(FLOOR) & _within(layout, surfaces) & np.isfinite(base)
    if int(both.sum()) < FEWEST:
        raise PhotoError(
            "The depth cannot be aligned to the ground",
            f"{int(both.sum())} of its pixels show the ground, {FEWEST} are needed",
            "Lower the horizon or move the walls until more ground is seen.",
        )
    x, y = 1 / base[both].astype(np.float64), 1 / surfaces.depth[both]
    scale, shift = _refined(x, y, *_most_agreed(x, y))
    if not scale > 0:
        raise PhotoError(
            "The depth cannot be aligned to the ground",
            f"where the ground is far it is near (scale {scale:g})",
            "Correct the horizon, or choose Replace or Fill Holes.",
        )
    error = np.abs(scale * x + shift - y) / y
    agreeing = error < 3 * CLOSE
    return Alignment(
        scale, shift, float(np.median(error[agreeing])) if agreeing.any() else np.inf, float(agreeing.mean())
    )


def _most_agreed(x: Float64, y: Float64) -> tuple[float, float]:
    """The line through two of the points that most points are near to, of TRIES pairs; the same for the same points."""
    random = np.random.default_rng(0)
    first, second = random.integers(0, len(x), (2, TRIES))
    apart = np.abs(x[first] - x[second]) > 1e-6 * np.abs(x).max()
    first, second = first[apart], second[apart]
    if len(first) == 0:
        return float(np.median(y) / np.median(x)), 0.0
    scale = (y[first] - y[second]) / (x[first] - x[second])
    shift = y[first] - scale * x[first]
    some = random.integers(0, len(x), min(len(x), 2000))
    error = np.abs(scale[:, None] * x[some] + shift[:, None] - y[some]) / y[some]
    score = np.where(scale > 0, (1 / (1 + (error / CLOSE) ** 2)).mean(axis=1), -1.0)
    best = int(score.argmax())
    return float(scale[best]), float(shift[best])


def _refined(x: Float64, y: Float64, scale: float, shift: float) -> tuple[float, float]:
    """Weighted least squares, repeated, with weights that fall with the relative error."""
    for _ in range(ROUNDS):
        error = np.abs(scale * x + shift - y) / y
        weight = 1 / (1 + (error / CLOSE) ** 2) ** 2 / y**2
        total = weight.sum()
        mean_x, mean_y = (weight @ x) / total, (weight @ y) / total
        spread = weight @ (x - mean_x) ** 2
        if not spread > 1e-12 * total * mean_x**2:
            return float(mean_y / mean_x), 0.0
        scale = float(weight @ ((x - mean_x) * (y - mean_y)) / spread)
        shift = float(mean_y - scale * mean_x)
    return scale, shift
