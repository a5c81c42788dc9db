"""Paint what a view's hole shows: behind a foreground the background goes on, beside the photo its mirror image does.

Behind: colours come from what is behind the hole's outline. What stands in front of the surface that fills the hole
gives nothing and lets nothing through, and a fringe of mixed colours belongs to neither. They diffuse along the lines
of what is behind, then get its fine detail, less with distance (server/geometry/diffusion.py, fine_detail.py).

Beside: there is a border on one side only, so anything diffused would be streaks or fog. The picture is mirrored at the
photo's border instead, where it shows the same surface (a foreground is left out and bridged), and shown more blurred
the farther out: continuous at the border, then its texture, at last the mean of what lies around. A thin light border
does not colour all that lies outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32
from server.engines.draft.surfaces import View
from server.geometry.diffusion import conductance, diffused
from server.geometry.distance import within
from server.geometry.fine_detail import Filled, detail_for
from server.geometry.pull_push import pull_push, soft_levels

UNDER = 8
"""Pixels beside a hole that are painted as if what stands in front of it were not there."""
IN_FRONT = 1.1
"""Inverse depth over that of the surface that fills a hole from which a pixel stands in front of it."""
ONE_SURFACE = 0.08
"""Relative step of inverse depth from a pixel to the next within one surface."""
DETAIL = 0.6
"""How much of the detail of what is seen a fill gets: all of it looks best, none is the least error."""
DETAIL_PIXELS = (24, 64)
"""Distances from what is seen, pixels, up to which detail is as strong, and from which there is none."""
MIRRORED = (0.4, 1.15)
"""Inverse depth of a mirrored pixel at which it is the surface beside the photo, as a factor of that surface's."""
SHARP = 0.02
"""Distance from the photo up to which its mirror image is sharp, as a fraction of the photo's longer side."""
BLUR_DOUBLES = 0.04
"""Distance over which the mirror image's blur doubles, likewise."""


@dataclass(frozen=True, eq=False)
class Painting:
    """The colours of a patch.

    Attributes:
        colour: [H, W, 3] float32.
        own: [H, W] bool, where they are what the view sees.
    """

    colour: Float32
    own: Bool


def behind(view: View, hole: Bool, inverse_depth: Float32, alive: Callable[[], None] = lambda: None) -> Painting:
    """What a hole behind a foreground shows.

    Args:
        view: that has the hole.
        hole: [H, W] its pixels.
        inverse_depth: [H, W] 1 / metres, of the surface that fills the hole.
        alive: called now and then; what it raises ends the work.
    """
    alive()
    inverse = _inverse(view)
    own = view.covered & ~view.fringe & (inverse < IN_FRONT * inverse_depth)
    if not own.any():
        own = view.covered
    filled = within(hole, UNDER) & ~own

    def joined(one: tuple[slice, ...], other: tuple[slice, ...]) -> Bool:
        return np.asarray(np.abs(inverse[one] - inverse[other]) < ONE_SURFACE * inverse[one], dtype=np.bool_)

    conducts = conductance(view.colour, own, joined)
    smooth = diffused(view.colour, own, filled, conducts, alive)
    shown = np.where(own, inverse, inverse_depth)
    detailed = filled & within(own, DETAIL_PIXELS[1])
    detail = detail_for(Filled(smooth, own, detailed, shown), alive)
    return Painting(np.clip(smooth + DETAIL * _fading(own, DETAIL_PIXELS) * detail, 0, 255), own)


def _fading(own: Bool, distances: tuple[int, int], steps: int = 5) -> Float32:
    """[H, W, 1] 1 up to the first distance from what is seen, 0 from the second on, in steps."""
    radii = np.linspace(*distances, steps).round().astype(int)
    count = np.sum([within(own, int(radius)) for radius in radii], axis=0, dtype=np.float32)
    return np.asarray(count[..., None] / steps, dtype=np.float32)


def beside(
    view: View,
    hole: Bool,
    inverse_depth: Float32,
    margins: tuple[int, int],
    alive: Callable[[], None] = lambda: None,
) -> Painting:
    """What lies beside the photo, seen from its own camera.

    Args:
        view: of the photo, widened.
        hole: [H, W] the pixels around it.
        inverse_depth: [H, W] 1 / metres, of the surfaces that go on there.
        margins: pixels left and right of the photo, and above and below it.
        alive: called now and then; what it raises ends the work.
    """
    alive()
    right, down = margins
    height, width = hole.shape
    photo = np.s_[down : height - down, right : width - right]
    inverse = _inverse(view)
    own = view.covered & ~hole & ~(view.barred & (inverse > IN_FRONT * inverse_depth))

    def mirror(values: Float32) -> Float32:
        around = ((down, down), (right, right), *((0, 0),) * (values.ndim - 2))
        return np.pad(values[photo], around, mode="symmetric")

    low, high = MIRRORED
    reflected = mirror(inverse)
    shown = (mirror((view.covered & ~view.fringe).astype(np.float32)) > 0) & (reflected < high * inverse_depth)
    shown &= (reflected > low * inverse_depth) | own
    picture = pull_push(mirror(view.colour), shown.astype(np.float32))
    alive()
    distance = _distance_from(photo, hole.shape)
    longest = max(height - 2 * down, width - 2 * right)
    level = np.maximum(distance - SHARP * longest, 0) / (BLUR_DOUBLES * longest)
    colour = soft_levels(picture, level.astype(np.float32))
    colour[own] = view.colour[own]
    return Painting(colour, own)


def _distance_from(photo: tuple[slice, slice], shape: tuple[int, ...]) -> Float32:
    """[H, W] pixels to the photo's border, 0 inside."""
    rows, columns = (
        np.maximum(np.maximum(part.start - np.arange(size), np.arange(size) - (part.stop - 1)), 0)
        for part, size in zip(photo, shape, strict=True)
    )
    return np.asarray(np.hypot(rows[:, None], columns[None, :]), dtype=np.float32)


def _inverse(view: View) -> Float32:
    """[H, W] 1 / metres, 0 where nothing is seen."""
    return np.where(view.covered, 1 / view.depth, 0).astype(np.float32)
