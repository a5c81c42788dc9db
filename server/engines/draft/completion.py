"""Complete a depth map: which of the surfaces around it does a pixel of unknown depth show?

Sensors and stereo leave depth unknown beside outlines: in the shadow that a foreground casts on its background, in the
band where both colours mix, and on thin parts of the foreground itself. The photo has a colour there. So each pixel
asks the pixels around it that are known: those of a like colour and near by have a weight (a joint bilateral filter;
Kopf et al., SIGGRAPH 2007), those of the near side and those of the far side are counted apart, and the pixel takes the
mean of the side it belongs to: a mean over both would be a surface between them, which nothing in the scene is.
In doubt a pixel beside the foreground is the foreground's: mixed with it, its colour would be a fringe on what comes
into sight behind, while on the foreground it is the soft outline that the photo shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32
from server.geometry.distance import within
from server.geometry.filters import gaussian_blur, share_above_half
from server.geometry.pull_push import pull_push

STANDS_OUT = 1.05
"""Inverse depth over that of its surroundings from which a rim of unknown depth is taken for foreground."""
RIM = 4
"""Depth pixels of a foreground beside unknown depth whose depth represents it."""
WIDEST_SHADOW = 32
"""Depth pixels from a foreground's rim within which unknown depth may belong to it or to its shadow."""
SPLIT = 1.03
"""Ratio of the near side's inverse depth to the far side's from which they are two surfaces."""
REACH = 6
"""Depth pixels from which a pixel is told."""
NEARBY = 4.0
"""Standard deviation, depth pixels, of the weight by distance."""
ALIKE = 10.0
"""Standard deviation, 8-bit RGB, of the weight by colour."""
UNLIKE = 1e-9
"""Weight that is left to the most different colour, so that the least different ones decide."""
MIXED = 2
"""Depth pixels beside a foreground in which a colour like neither side's is a mixture of both."""
CLEARLY_FAR = 2.0
"""How many times the near side's weight the far side needs."""
PASSES = 6
"""How often what was found tells what lies deeper in the unknown."""
ENOUGH = 1e-3
"""Weight below which a pixel waits for the next pass."""


def completed(depth: Float32, colour: Float32, alive: Callable[[], None] = lambda: None) -> Float32:
    """The depth map [h, w] with unknowns filled from the depths around them; one metre where none is known at all.

    Args:
        depth: [h, w] metres, NaN where unknown.
        colour: [h, w, 3] in 0..255, the photo at the same pixels.
        alive: called now and then; what it raises ends the work.
    """
    known = np.isfinite(depth)
    if known.all() or not known.any():
        return depth if known.all() else np.ones_like(depth)
    inverse = np.where(known, 1 / np.where(known, depth, 1), 0).astype(np.float32)
    sides = _sides(inverse, known)
    found = known.copy()
    for number in range(PASSES):
        asked = ~found & within(found, REACH)
        if not asked.any():
            break
        decided, value = _told(inverse, found, colour, asked, sides, alive)
        if number + 1 < PASSES and decided.any():
            value = value[decided]
            asked[asked] = decided
        inverse[asked], found[asked] = value, True
    inverse = np.where(found, inverse, sides.far)
    return np.where(known, depth, 1 / np.maximum(inverse, 1e-6)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Sides:
    """The foreground's and the background's inverse depth [h, w] at unknown pixels, the same where there is but one."""

    near: Float32
    far: Float32


def _sides(inverse: Float32, known: Bool) -> _Sides:
    rim = known & within(~known, RIM)
    # Rim pixels nearer than the mean of a region's rims are foreground: unknown depth beside them is what they hide.
    mean, weight = (gaussian_blur(np.where(rim, part, 0), WIDEST_SHADOW / 2) for part in (inverse, known * 1.0))
    # Scattered points of a scanner form no surface.
    solid = share_above_half(known, RIM + 1)
    foreground = rim & solid & (inverse * weight > STANDS_OUT * mean)
    values = inverse[..., None]
    far = pull_push(values, np.where(rim, np.where(foreground, 1e-3, 1), 0).astype(np.float32))[..., 0]
    if not foreground.any():
        return _Sides(far, far)
    near = pull_push(values, foreground.astype(np.float32))[..., 0]
    return _Sides(np.where(within(foreground, WIDEST_SHADOW), np.maximum(near, far), far), far)


def _told(
    inverse: Float32, found: Bool, colour: Float32, asked: Bool, sides: _Sides, alive: Callable[[], None]
) -> tuple[Bool, Float32]:
    """Whether each of the n pixels `asked` is near enough to what it is like, [n], and its inverse depth [n]."""
    row, column = np.nonzero(asked)
    near, far = sides.near[asked], sides.far[asked]
    split = np.where(near > SPLIT * far, np.sqrt(near * far), np.inf)
    votes, mixed = np.zeros((2, 2, len(row)), np.float32), np.zeros(len(row), np.bool_)
    padded = [np.pad(a, REACH) for a in (inverse, found)]
    around = np.pad(colour, ((REACH, REACH), (REACH, REACH), (0, 0)))
    own = colour[asked]
    for down, right in _disc(REACH):
        if right == 0:
            alive()
        there = row + down + REACH, column + right + REACH
        difference = around[there] - own
        squared = np.einsum("nc,nc->n", difference, difference)
        alike = np.exp(squared * np.float32(-0.5 / ALIKE**2)) + np.float32(UNLIKE)
        weight = alike * padded[1][there] * np.float32(np.exp(-0.5 * (down**2 + right**2) / NEARBY**2))
        value = padded[0][there]
        is_near = value > split
        on_near = weight * is_near
        if down**2 + right**2 <= MIXED**2:
            mixed |= is_near
        votes[0] += np.stack([on_near, on_near * value])
        votes[1] += np.stack([weight - on_near, (weight - on_near) * value])
    like_one = votes[:, 0].sum(axis=0) > ENOUGH
    takes_near = np.where(like_one, votes[0, 0] * CLEARLY_FAR > votes[1, 0], mixed)
    total, summed = np.where(takes_near, votes[0], votes[1])
    return like_one, np.where(total > 0, summed / np.maximum(total, 1e-20), far)


def _disc(radius: int) -> list[tuple[int, int]]:
    span = range(-radius, radius + 1)
    return [(down, right) for down in span for right in span if down**2 + right**2 <= radius**2]
