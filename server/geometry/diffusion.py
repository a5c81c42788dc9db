"""Continue a picture into its holes along its own lines: diffusion that is strong along edges and weak across them.

In a hole the colour u solves div(D grad u) = 0, with the known colours on the hole's border. With D constant that is a
membrane, the expectation where nothing else is known. Here D follows the structure tensor J of the known picture
(Foerstner and Guelch, 1987; Weickert, Anisotropic Diffusion in Image Processing, 1998), continued into the hole: along
a shelf's edge the colours flow far, across it hardly at all, so that the edge goes on.

On the grid each pixel is linked to its eight neighbours. The conductance of a link in direction d compares the
gradient's energy across the link with that along it:

    w(d) = ((tr J - d'J d + FLOOR) / (d'J d + FLOOR)) ^ SHARPNESS

All of them are positive, so the solution stays between the known colours. Pixels that are neither known nor to be
filled have no link: no colour crosses them and none comes from them. The linear system is symmetric and is solved by
conjugate gradients (Shewchuk, 1994), from the solution at half the size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32, Int64
from server.geometry.filters import gaussian_blur
from server.geometry.pull_push import pull_push

FLOOR = 30.0
"""Energy of a gradient, squared 8-bit RGB of all channels, below which it is noise."""
SHARPNESS = 1.5
"""Power of the ratio of energies: 0 is a membrane."""
DIAGONAL = 0.25
"""Conductance of a diagonal link beside that of a straight one."""
STRUCTURE_BLUR = 2.0
"""Standard deviation in pixels over which the structure tensor is averaged."""
HIGHEST = 1e3
"""Conductances stay between 1 / HIGHEST and HIGHEST."""
STEPS = 25
"""Steps of conjugate gradients at each size."""
SMALLEST = 24
"""Pixels of the longer side at which halving ends."""

Joined = Callable[[tuple[slice, ...], tuple[slice, ...]], Bool]
"""Told two slices of a picture, shifted by a pixel against each other: which of these neighbours are of one surface."""

_LINKS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Row and column to one of the two neighbours in each direction."""


@dataclass(frozen=True, eq=False)
class Conductance:
    """How well each pixel conducts.

    Attributes:
        links: [4, H, W] float32 along a row, along a column, and along the two diagonals (down right, down left).
    """

    links: Float32


def conductance(picture: Float32, known: Bool, joined: Joined) -> Conductance:
    """The conductance of a picture everywhere, from what is known of it.

    Args:
        picture: [H, W, C] colours in 0..255.
        known: [H, W] where they are known.
        joined: which neighbours are of one surface: a gradient between surfaces is no line that goes on.
    """
    energy, weight = _structure(picture, known, joined)
    blurred = [gaussian_blur(energy[..., k] * weight, STRUCTURE_BLUR) for k in range(3)]
    share = np.maximum(gaussian_blur(weight, STRUCTURE_BLUR), 1e-3)
    everywhere = pull_push(np.stack(blurred, axis=-1) / share[..., None], weight)
    along_x, along_y, mixed = np.moveaxis(everywhere, -1, 0)
    total = along_x + along_y
    along = (along_x, along_y, total / 2 + mixed, total / 2 - mixed)
    links = [_ratio(total, energy) ** np.float32(SHARPNESS) for energy in along]
    links[2], links[3] = links[2] * np.float32(DIAGONAL), links[3] * np.float32(DIAGONAL)
    return Conductance(np.clip(np.stack(links), 1 / HIGHEST, HIGHEST).astype(np.float32))


def _ratio(total: Float32, along: Float32) -> Float32:
    across = np.maximum(total - along, 0)
    return np.asarray((across + FLOOR) / (np.maximum(along, 0) + FLOOR), dtype=np.float32)


def _structure(picture: Float32, known: Bool, joined: Joined) -> tuple[Float32, Float32]:
    """The structure tensor (xx, yy, xy) [H, W, 3], and [H, W] 1 where it is known, else 0."""
    height, width = known.shape
    energy = np.zeros((height, width, 3), np.float32)
    slopes, there = [], []
    for k, (row, column) in enumerate(_LINKS[:2]):
        one, other = _pair(row, column)
        both = known[one] & known[other] & joined(one, other)
        step = np.where(both[..., None], picture[other] - picture[one], 0)
        squared = np.einsum("hwc,hwc->hw", step, step)
        count, slope = np.zeros((height, width), np.float32), np.zeros(picture.shape, np.float32)
        for side in (one, other):
            energy[..., k][side] += squared
            slope[side] += step
            count[side] += both
        energy[..., k] /= np.maximum(count, 1)
        slopes.append(slope / np.maximum(count, 1)[..., None])
        there.append(count > 0)
    energy[..., 2] = np.einsum("hwc,hwc->hw", *slopes)
    return energy, (there[0] & there[1]).astype(np.float32)


def _pair(row: int, column: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of the pixels that have a neighbour in this direction, and of those neighbours."""
    rows = (slice(None, -1), slice(1, None)) if row else (slice(None), slice(None))
    columns = {
        0: (slice(None), slice(None)),
        1: (slice(None, -1), slice(1, None)),
        -1: (slice(1, None), slice(None, -1)),
    }
    first, second = columns[column]
    return (rows[0], first), (rows[1], second)


def diffused(
    picture: Float32, known: Bool, hole: Bool, conducts: Conductance, alive: Callable[[], None] = lambda: None
) -> Float32:
    """The picture with its hole filled; elsewhere as it was.

    Args:
        picture: [H, W, C] float32.
        known: [H, W] pixels whose colour is used.
        hole: [H, W] pixels to fill, none of them known; those without a link to a known one become a smooth guess.
        conducts: how well each pixel conducts.
        alive: called now and then; what it raises ends the work.
    """
    if not hole.any() or not known.any():
        return picture
    start = pull_push(picture, known.astype(np.float32))
    height, width = known.shape
    if max(height, width) > SMALLEST:
        coarse = diffused(*_halved(picture, known, hole, conducts), alive)
        enlarged = np.repeat(np.repeat(coarse, 2, axis=0), 2, axis=1)[:height, :width]
        start[hole] = enlarged[hole]
    filled = picture.copy()
    filled[hole] = _solved(filled, known, hole, conducts, start[hole], alive)
    return filled


def _halved(
    picture: Float32, known: Bool, hole: Bool, conducts: Conductance
) -> tuple[Float32, Bool, Bool, Conductance]:
    """The same at half the size; a block of pixels is known where one of them is."""
    share = _sums(known[..., None].astype(np.float32))
    means = _sums(picture * known[..., None]) / np.maximum(share, 1)
    weight = _sums((known | hole)[..., None].astype(np.float32))
    links = _sums(np.moveaxis(conducts.links, 0, -1) * (known | hole)[..., None]) / np.maximum(weight, 1)
    known_block = share[..., 0] > 0
    hole_block = ~known_block & (_sums(hole[..., None].astype(np.float32))[..., 0] > 0)
    return means, known_block, hole_block, Conductance(np.moveaxis(links, -1, 0))


def _sums(values: Float32) -> Float32:
    """[ceil(H / 2), ceil(W / 2), C] sums over blocks of 2 x 2."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    rows = padded[0::2] + padded[1::2]
    return np.asarray(rows[:, 0::2] + rows[:, 1::2], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _System:
    """The linear system of the n pixels of a hole: diagonal * u - sum(weight * neighbour's u) = given.

    Attributes:
        neighbour: [8, n] index of each pixel's neighbours, n where there is none or where it is known.
        weight: [8, n, 1] float32 of these links, 0 where there is none.
        diagonal: [n, 1] float32 sum of the weights of all links.
        given: [n, C] float32, what the known neighbours contribute.
    """

    neighbour: Int64
    weight: Float32
    diagonal: Float32
    given: Float32

    def times(self, values: Float32) -> Float32:
        """The matrix times [n, C] values."""
        padded = np.concatenate([values, np.zeros((1, values.shape[1]), np.float32)])
        product = self.diagonal * values
        for neighbour, weight in zip(self.neighbour, self.weight, strict=True):
            product -= weight * padded[neighbour]
        return np.asarray(product, dtype=np.float32)


def _system(picture: Float32, known: Bool, hole: Bool, conducts: Conductance, start: Float32) -> _System:
    height, width = known.shape
    count = int(hole.sum())
    index = np.full((height + 2, width + 2), count, np.int64)
    index[1:-1, 1:-1][hole] = np.arange(count)
    sides, colours, links = np.pad(known, 1).ravel(), np.pad(picture, ((1, 1), (1, 1), (0, 0))), None
    colours = colours.reshape(-1, picture.shape[2])
    row, column = np.nonzero(hole)
    here = (row + 1) * (width + 2) + column + 1
    diagonal, given = np.full((count, 1), 1e-6, np.float32), np.float32(1e-6) * start
    neighbours, weights = [], []
    for k, (down, right) in enumerate(_LINKS):
        links = np.pad(conducts.links[k], 1).ravel()
        for sign in (1, -1):
            there = here + sign * (down * (width + 2) + right)
            neighbour, is_known = index.ravel()[there], sides[there]
            weight = np.where((neighbour < count) | is_known, (links[here] + links[there]) / 2, 0)[:, None]
            diagonal += weight
            given = given + np.where(is_known[:, None], weight * colours[there], 0)
            neighbours.append(neighbour)
            weights.append(np.where(is_known[:, None], 0, weight))
    return _System(np.stack(neighbours), np.stack(weights).astype(np.float32), diagonal, given.astype(np.float32))


def _solved(
    picture: Float32, known: Bool, hole: Bool, conducts: Conductance, start: Float32, alive: Callable[[], None]
) -> Float32:
    """[n, C] the hole's pixels, by conjugate gradients with the diagonal as preconditioner."""
    system = _system(picture, known, hole, conducts, start)
    values = start.astype(np.float32)
    residual = system.given - system.times(values)
    scaled = residual / system.diagonal
    direction, size = scaled, _products(residual, scaled)
    for _ in range(STEPS):
        alive()
        image = system.times(direction)
        step = size / np.maximum(_products(direction, image), 1e-20)
        values = values + step * direction
        residual = residual - step * image
        scaled = residual / system.diagonal
        before, size = size, _products(residual, scaled)
        direction = scaled + size / np.maximum(before, 1e-20) * direction
    return np.asarray(values, dtype=np.float32)


def _products(one: Float32, other: Float32) -> Float32:
    """[C] inner products of columns."""
    return np.asarray(np.einsum("nc,nc->c", one, other, dtype=np.float64), dtype=np.float32)
