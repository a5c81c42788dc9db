"""Fine detail for a smoothly filled hole, from places of the same picture that look alike but for that detail.

A smooth fill is the best guess of each pixel's colour, but no wall is that smooth: grain, boards and stones are
missing. So every filled pixel takes the detail (the picture less its blur) of a seen pixel some way off. Which way is
chosen from a fixed set of shifts, by how well the blurred picture there fits the fill here over a window, as in stereo
matching by a sweep over disparities: over the window neighbours choose alike, so that detail arrives in connected
pieces. A shift along a plane keeps the inverse depth of a frontal wall and, along its horizon, of a floor; shifts to
another inverse depth cost, so detail arrives in its own size and from the same plane. As only detail is added, the
colours stay those of the fill, and pieces meet without a seam.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32
from server.geometry.filters import gaussian_blur

BLUR = 2.0
"""Standard deviation in pixels of the blur that detail is told from."""
SHIFTS = (6, 9, 13, 19, 27, 39, 56, 81, 117)
"""Pixels by which detail is moved, along rows, columns and diagonals."""
WINDOW = 4
"""Pixels from a window's middle to its border."""
WORST = 6000.0
"""Squared distance of colours, 8-bit RGB, above which it does not matter how different they are."""
SAME_DEPTH = 0.03
"""Relative difference of inverse depth that costs nothing."""
DEPTH_COST = 3e4
"""Squared colour that a relative difference of 1 beyond that costs."""
NEARER = 0.1
"""Relative inverse depth by which a donor is in front of the pixel's surface: never taken."""
NOT_SEEN = 2e5
"""Cost of a pixel of the window that nothing is known of."""
DISTANCE_COST = 0.5
"""Cost of each pixel of a shift: of equals, the nearest."""
TILE = 64
"""Side of the squares that are worked on together; those without a filled pixel are left out."""


@dataclass(frozen=True, eq=False)
class Filled:
    """A picture with a smoothly filled hole.

    Attributes:
        picture: [H, W, C] float32 colours in 0..255, those of the fill in the hole.
        seen: [H, W] bool, whose colours are true.
        hole: [H, W] bool, which get detail; none of them is seen.
        inverse_depth: [H, W] float32, 1 / metres of what the picture shows there.
    """

    picture: Float32
    seen: Bool
    hole: Bool
    inverse_depth: Float32


def detail_for(filled: Filled, alive: Callable[[], None] = lambda: None) -> Float32:
    """[H, W, C] what to add to the picture for its hole to be as detailed as what is seen; 0 outside the hole.

    Args:
        filled: the picture.
        alive: called now and then; what it raises ends the work.
    """
    seen = filled.seen.astype(np.float32)
    share = gaussian_blur(seen, BLUR)
    channels = [gaussian_blur(channel * seen, BLUR) for channel in np.moveaxis(filled.picture, -1, 0)]
    blurred = np.stack(channels, axis=-1) / np.maximum(share, 1e-4)[..., None]
    donor = filled.seen & (share > 0.5)
    guide = np.where(filled.seen[..., None], blurred, filled.picture)
    sweep = _Sweep(blurred, guide, donor, filled.inverse_depth)
    detail = np.where(donor[..., None], filled.picture - blurred, 0).astype(np.float32)
    result = np.zeros_like(filled.picture)
    height, width = filled.hole.shape
    for top, left in itertools.product(range(0, height, TILE), range(0, width, TILE)):
        tile = np.s_[top : top + TILE, left : left + TILE]
        if filled.hole[tile].any():
            alive()
            row, column = np.nonzero(filled.hole[tile])
            down, right, found = (chosen[row, column] for chosen in sweep.best(top, left))
            row, column = row + top, column + left
            there = detail[(row + down).clip(0, height - 1), (column + right).clip(0, width - 1)]
            result[row, column] = there * found[:, None]
    return result


class _Sweep:
    """All shifts of a picture against itself, tile by tile."""

    def __init__(self, blurred: Float32, guide: Float32, donor: Bool, inverse_depth: Float32) -> None:
        self._size = donor.shape
        self._reach = max(SHIFTS) + WINDOW
        around = ((self._reach, self._reach + TILE),) * 2
        self._blurred = np.pad(blurred.astype(np.float32), (*around, (0, 0)))
        self._guide = np.pad(guide.astype(np.float32), (*around, (0, 0)))
        self._donor = np.pad(donor, around)
        self._inverse = np.pad(inverse_depth, around)
        self._shifts = [
            (down * step, right * step)
            for step in SHIFTS
            for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
        ]

    def best(self, top: int, left: int) -> tuple[Float32, Float32, Bool]:
        """The best shift of each pixel of a tile: rows down and columns to the right, and whether there is any."""
        lowest = np.full((TILE, TILE), np.inf, np.float32)
        which = np.full((TILE, TILE), -1)
        here = self._window(top, left)
        guide, inverse = self._guide[here], np.maximum(self._inverse[here], 1e-6)
        middle = np.s_[WINDOW:-WINDOW, WINDOW:-WINDOW]
        for index, (down, right) in enumerate(self._shifts):
            there = self._window(top + down, left + right)
            donor = self._donor[there]
            if not donor[middle].any():
                continue
            difference = self._blurred[there] - guide
            cost = np.minimum(np.einsum("hwc,hwc->hw", difference, difference), WORST)
            farther = self._inverse[there] / inverse - 1
            cost += DEPTH_COST * np.clip(np.abs(farther) - SAME_DEPTH, 0, 0.5)
            cost[~donor | (farther > NEARER)] = NOT_SEEN
            total = _window_means(cost) + np.float32(DISTANCE_COST * np.hypot(down, right))
            total[~donor[middle] | (farther[middle] > NEARER)] = np.inf
            better = total < lowest
            lowest[better], which[better] = total[better], index
        shifts = np.array([*self._shifts, (0, 0)])[which]
        return shifts[..., 0], shifts[..., 1], which >= 0

    def _window(self, top: int, left: int) -> tuple[slice, slice]:
        """The tile with its margin of half a window, in the padded arrays."""
        top, left = top + self._reach - WINDOW, left + self._reach - WINDOW
        return np.s_[top : top + TILE + 2 * WINDOW, left : left + TILE + 2 * WINDOW]


def _window_means(cost: Float32) -> Float32:
    """[h - 2 WINDOW, w - 2 WINDOW] means of the cost [h, w] over windows."""
    side = 2 * WINDOW + 1
    for axis in (0, 1):
        total = np.cumsum(cost, axis=axis, dtype=np.float64)
        ends = np.moveaxis(total, axis, 0)
        first = np.concatenate([ends[side - 1 : side], ends[side:] - ends[:-side]])
        cost = np.moveaxis(first, 0, axis) / side
    return cost.astype(np.float32)
