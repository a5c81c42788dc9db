"""A clip with what the photo sees laid back over it: composed in depth, feathered, its colours matched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.arrays import Bool, Float64, UInt8
from blender_addon.core.payloads.seen_drift import SeenDrift
from blender_addon.core.payloads.shot import Shot

from .coarse_colours import recoloured
from .colour_match import colour_tables, frame_sums
from .drift import difference_counts, seen_drift
from .feather import WHOLE, broad_feather, feather
from .outlines import Outlines
from .photo_detail import PhotoDetail

OPAQUE = 253
"""The least alpha of a pixel that shows the photo and nothing else: 0.99."""


@dataclass(frozen=True, eq=False)
class Composite:
    """A composed clip.

    Attributes:
        frames: [F, H, W, 3] uint8 sRGB.
        drift: how far the clip had drifted where the photo is visible; None where that is nowhere.
    """

    frames: UInt8
    drift: SeenDrift | None


class Compositor:
    """Lays what the photo sees over a clip of a shot.

    Args:
        frames: [F, H, W, 3] uint8 sRGB, of the preview's size.
        shot: what the clip was made of.
        least_detail: pixels of the photo in one of the clip's, along a line, from which the photo's detail is kept;
            below it the clip's own detail stays, in the photo's colours. 0 keeps it everywhere.
        strength: [F] 0 to 1, how much of the preview each frame takes; None for all of it.
    """

    def __init__(self, frames: UInt8, shot: Shot, least_detail: float, strength: Float64 | None = None) -> None:
        self._frames, self._preview = frames, shot.preview
        self._strength = np.ones(len(frames)) if strength is None else strength
        self._broad = broad_feather(shot.trajectory.width, shot.trajectory.height)
        surface = min(shot.depth.shape) >= 2 and bool((shot.depth > 0).any())
        self._outlines = Outlines(shot) if surface else None
        self._detail = PhotoDetail(shot, least_detail) if surface and least_detail > 0 else None

    def compose(self, alive: Callable[[], None] = lambda: None) -> Composite:
        """The composed clip.

        Args:
            alive: called after each of two passes over a frame; what it raises passes through.
        """
        count = len(self._frames)
        measured = np.stack(list(_each(self._measured, count, alive)))
        tables = colour_tables(measured[:, 256:])
        result = np.empty_like(self._frames)
        for index, frame in enumerate(_each(lambda index: self._composed(index, tables[index]), count, alive)):
            result[index] = frame
        return Composite(result, seen_drift(measured[:, :256]))

    def _visible(self, index: int) -> Bool:
        return np.asarray(self._preview[index, ..., 3] >= OPAQUE, dtype=np.bool_)

    def _colours(self, index: int) -> UInt8:
        return np.ascontiguousarray(self._preview[index, ..., :3])

    def _measured(self, index: int) -> Float64:
        """[269] of one frame: counts of differences, then sums of colours."""
        visible = self._visible(index)
        if not visible.any():
            return np.zeros(256 + 13)
        mask = _mask(visible)
        frame, preview = self._frames[index], self._colours(index)
        sums = frame_sums(frame, preview, mask) * self._strength[index]
        # A frame that gives way to another picture differs by that.
        counts = difference_counts(frame, preview, mask) * (self._strength[index] == 1)
        return np.concatenate([counts, sums])

    def _composed(self, index: int, tables: UInt8) -> UInt8:
        """One frame.

        Args:
            index: of the frame.
            tables: [3, 256] what the values of its channels become.
        """
        strength = self._strength[index]
        frame = Image.fromarray(self._frames[index]).point(_partly(tables, strength))
        visible = self._visible(index)
        if strength == 0 or not visible.any():
            return np.asarray(frame)
        outlines = self._outlines.frame(index) if self._outlines and not visible.all() else None
        weight = feather(visible, outlines, self._broad)
        if strength < 1:
            weight = np.round(weight * strength).astype(np.uint8)
        preview = Image.fromarray(self._colours(index))
        kept = self._detail.kept(index) if self._detail else None
        if kept is not None:
            coarse = recoloured(frame, preview, Image.fromarray(_mask(visible)))
            preview = Image.composite(preview, coarse, Image.fromarray(kept))
        return np.asarray(Image.composite(preview, frame, Image.fromarray(weight)))


def _mask(visible: Bool) -> UInt8:
    return visible.astype(np.uint8) * np.uint8(WHOLE)


def _partly(tables: UInt8, strength: float) -> list[int]:
    """The values of the tables [3, 256] one after the other, with so much of their effect."""
    same = np.arange(256)
    return [int(value) for value in np.round(same + strength * (tables - same)).ravel()]


def _each(work: Callable[[int], NDArray[Any]], count: int, alive: Callable[[], None]) -> Iterator[NDArray[Any]]:
    """The results of `work` for 0 to count - 1 in order, a few at a time in threads."""
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, count, threads):
            for result in pool.map(work, range(start, min(start + threads, count))):
                alive()
                yield result
