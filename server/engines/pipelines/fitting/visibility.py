"""Where a preview shows the photo, and where the latents of a video network may be held to it.

A latent of such a network stands for several frames: the first for frame 0 alone, latent k for frames (k - 1) * n + 1
to k * n. It may be held where all of them see the photo.
"""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Bool, UInt8

OPAQUE = 253
"""Alpha, of 255, from which a pixel's colour is the photo's alone: 0.99 and above."""


def shown(preview: UInt8, inside: Bool) -> Bool:
    """[F, H, W] where a preview shows the photo, and in the border that is cut off again.

    Args:
        preview: [F, H, W, 4] uint8, straight alpha.
        inside: [H, W], False in that border: it may look like anything, and must not look like a hole.
    """
    return np.asarray((preview[..., 3] >= OPAQUE) | ~inside, dtype=np.bool_)


def seen(preview: UInt8, margin: int, inside: Bool) -> Bool:
    """[F, H, W] where a preview shows the photo, with no hole within so many pixels.

    Args:
        preview: [F, H, W, 4] uint8, straight alpha.
        margin: pixels along rows and columns. Beyond the border of the artist's picture is no hole.
        inside: [H, W] where the network's frame shows the artist's.
    """
    return shrunk(shown(preview, inside), margin) & inside


def shrunk(mask: Bool, by: int) -> Bool:
    """[F, H, W] where the mask is True in the whole square of pixels up to `by` away.

    Args:
        mask: [F, H, W].
        by: pixels.
    """
    if by == 0:
        return mask
    result = np.empty_like(mask)
    # Frame by frame: one fits a processor's cache, all of them do not.
    for index, frame in enumerate(mask):
        columns = _eroded_rows(np.pad(frame, ((by, by), (0, 0)), constant_values=True), 2 * by + 1)
        turned = np.ascontiguousarray(columns.T)
        result[index] = _eroded_rows(np.pad(turned, ((by, by), (0, 0)), constant_values=True), 2 * by + 1).T
    return result


def _eroded_rows(padded: Bool, wanted: int) -> Bool:
    """The minimum over windows of rows, which double until they are wide enough."""
    width = 1
    while width < wanted:
        step = min(width, wanted - width)
        padded = padded[: len(padded) - step] & padded[step:]
        width += step
    return padded


def latent_frames(count: int, step: int) -> tuple[slice, ...]:
    """The frames of each latent.

    Args:
        count: frames, k * step + 1.
        step: frames of a latent, but for the first.
    """
    return (slice(0, 1), *(slice(first, first + step) for first in range(1, count, step)))


def held_together(seen: Bool, step: int) -> Bool:
    """[F, H, W] where all frames of a frame's latent see the photo.

    Args:
        seen: [F, H, W] where each frame does.
        step: frames of a latent, but for the first.
    """
    result = np.empty_like(seen)
    for frames in latent_frames(len(seen), step):
        result[frames] = seen[frames].all(axis=0)
    return result


def on_latents(seen: Bool, step: int, cell: int, shrink: int = 1) -> Bool:
    """[L, H / cell, W / cell] the latents that may be held: all their pixels in all their frames see the photo.

    Args:
        seen: [F, H, W] where each frame does; H and W multiples of `cell`.
        step: frames of a latent, but for the first.
        cell: pixels of a latent along rows and columns.
        shrink: cells beside a hole that are not held either: the network that encodes the picture looks past a cell.
    """
    whole = np.stack([seen[frames].all(axis=0) for frames in latent_frames(len(seen), step)])
    count, height, width = whole.shape
    cells = whole.reshape(count, height // cell, cell, width // cell, cell).all(axis=(2, 4))
    return shrunk(cells, shrink)
