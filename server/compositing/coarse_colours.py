"""The clip's detail in the preview's colours, for places where the preview is too coarse to be kept."""

from __future__ import annotations

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float32

CELL = 8
"""Pixels along a side of the cells whose mean colours are taken from the preview."""
LEAST_SEEN = 0.05
"""The share of a cell that must be visible for its colour to count whole."""


def recoloured(frame: Image.Image, preview: Image.Image, visible: Image.Image) -> Image.Image:
    """The frame moved by the coarse difference of the preview's colours, an RGB image.

    Args:
        frame: RGB, of the clip.
        preview: RGB.
        visible: L, 255 where the preview shows the photo, else 0. Elsewhere the result has no meaning.
    """
    # Where nothing is visible both are the frame, and differ by nothing.
    seen = Image.composite(preview, frame, visible)
    difference = _cells(seen) - _cells(frame)
    share = _up(_cells(visible)[..., 0] / 255, frame.size)
    values = np.asarray(frame, dtype=np.float32)
    moved = np.stack([_up(difference[..., channel], frame.size) for channel in range(3)], axis=-1)
    moved /= np.maximum(share, LEAST_SEEN)[..., None]
    return Image.fromarray(np.clip(np.round(values + moved), 0, 255).astype(np.uint8))


def _cells(picture: Image.Image) -> Float32:
    cells = np.asarray(picture.reduce(CELL), dtype=np.float32)
    return cells if cells.ndim == 3 else cells[..., None]


def _up(cells: Float32, size: tuple[int, int]) -> Float32:
    """Values of cells [h, w] at pixels [H, W], bilinear; the last cells may reach beyond the picture."""
    columns, rows = (length / CELL for length in size)
    coarse = Image.fromarray(np.ascontiguousarray(cells, dtype=np.float32))
    return np.asarray(coarse.resize(size, Image.Resampling.BILINEAR, box=(0, 0, columns, rows)), dtype=np.float32)
