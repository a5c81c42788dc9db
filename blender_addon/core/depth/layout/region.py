"""The pixels inside an outline or a mask, on a grid of any size."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...arrays import Bool, Float64
from ...errors import PhotoError
from ..photo_checks import same_aspect
from .layout import CutOut, Point

T = TypeVar("T", bound=np.generic)


def cut_out_pixels(cut_out: CutOut, size: tuple[int, int]) -> Bool:
    """The pixels whose centre is inside a cut-out.

    Args:
        cut_out: with an outline or a mask.
        size: (width, height) of the grid; it covers the whole photo.

    Returns:
        [h, w] bool.
    """
    if cut_out.mask is not None:
        return nearest_pixels(cut_out.mask.inside(), size[::-1])
    return polygon_pixels(np.array(cut_out.outline, dtype=np.float64) * size, size)


def polygon_pixels(polygon: Float64, size: tuple[int, int]) -> Bool:
    """The pixels whose centre a closed polygon goes around, once or more, in either direction.

    Args:
        polygon: [N, 2] (x, y) pixels of the grid, N >= 3; it may cross itself and reach outside.
        size: (width, height) of the grid.

    Returns:
        [h, w] bool.
    """
    width, height = size
    start, end = polygon, np.roll(polygon, -1, axis=0)
    top, bottom = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    # Rows whose centre an edge crosses: top <= row + 0.5 < bottom.
    first = np.clip(np.ceil(top - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(bottom - 0.5), 0, height).astype(np.int64)
    counts = last - first
    edge = np.repeat(np.arange(len(polygon)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    rise = (end - start)[edge]
    x = start[edge, 0] + (row + 0.5 - start[edge, 1]) * rise[:, 0] / rise[:, 1]
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    turns = np.zeros((height, width + 1), np.int32)
    np.add.at(turns, (row, column), np.sign(rise[:, 1]).astype(np.int32))
    return np.asarray(np.cumsum(turns, axis=1)[:, :width] != 0)


def nearest_pixels(values: NDArray[T], shape: tuple[int, ...]) -> NDArray[T]:
    """A map [h, w] at another (rows, columns): the nearest pixel of each pixel's centre."""
    rows, columns = (
        ((np.arange(wanted) + 0.5) * has / wanted).astype(np.int64)
        for wanted, has in zip(shape, values.shape, strict=True)
    )
    return np.asarray(values[rows[:, None], columns])


def region_of_mask(inside: Bool, name: str, photo_size: tuple[int, int], size: tuple[int, int]) -> Bool:
    """The region that a mask's picture marks on a photo, at another size.

    Args:
        inside: [h, w] bool, the picture's marked pixels.
        name: of the picture, for the error.
        photo_size: (width, height) of the photo, pixels.
        size: (width, height) of the region.

    Raises:
        PhotoError: the picture has another aspect than the photo.
    """
    height, width = inside.shape
    if not (same_aspect(photo_size, (width, height)) or same_aspect((width, height), photo_size)):
        raise PhotoError(
            f"The mask {name} does not fit the photo",
            f"photo {photo_size[0]} x {photo_size[1]}, mask {width} x {height}, which is another aspect",
            "Draw it over the photo's whole frame.",
        )
    return nearest_pixels(inside, size[::-1])


def cut_out_share(cut_out: CutOut) -> float:
    """Share of the photo that is inside a cut-out, 0 to 1; of an outline, sampled finely."""
    if cut_out.mask is not None:
        return sum(cut_out.mask.runs[1::2]) / max(cut_out.mask.width * cut_out.mask.height, 1)
    return float(cut_out_pixels(cut_out, (512, 512)).mean())


def foot_of(cut_out: CutOut) -> Point:
    """The point where a cut-out touches the floor: as given, else the middle of its lowest part."""
    if cut_out.foot is not None:
        return cut_out.foot
    if cut_out.mask is not None:
        inside = cut_out.mask.inside()
        row = int(np.flatnonzero(inside.any(axis=1))[-1])
        columns = np.flatnonzero(inside[row])
        return (float(columns.mean()) + 0.5) / cut_out.mask.width, (row + 1) / cut_out.mask.height
    points = np.array(cut_out.outline, dtype=np.float64)
    lowest = points[points[:, 1] >= points[:, 1].max() - 1e-9]
    return float(lowest[:, 0].mean()), float(lowest[:, 1].mean())
