"""How far along its path a clip's camera has come, by the frames that were filmed along it.

It needs no camera of the clip: where pictures are too blurred to be aligned, it still tells a clip that stands still
from one that moves too slowly or as asked.
"""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64, UInt8

CELL = 4
"""Pixels of a side that become one before frames are compared."""
ALIKE = 0.97
"""Correlation of the first and the last filmed frame above which a path changes too little to tell."""


def way(made: UInt8, filmed: UInt8) -> float | None:
    """The share of the asked path that a clip follows: 1 in step with the filmed one, 0 when it stands still.

    Each frame is looked for among the filmed ones; it is the slope of where it is found over where it should be.

    Args:
        made: [F, H, W, 3].
        filmed: [F, H, W, 3], along the same path.

    Returns:
        None where the filmed frames are too much alike.
    """
    truth = _patterns(filmed)
    alike = truth @ truth.T
    if alike[0, -1] > ALIKE:
        return None
    found = np.argmax(_patterns(made) @ truth.T, axis=1)
    asked = np.arange(len(made))
    return float((found * asked).sum() / (asked**2).sum())


def likeness(made: UInt8, filmed: UInt8) -> float:
    """The mean correlation of a clip's frames after the first with the filmed ones, -1 to 1, brightness left out.

    Args:
        made, filmed: [F, H, W, 3].
    """
    return float((_patterns(made) * _patterns(filmed)).sum(axis=1)[1:].mean())


def _patterns(frames: UInt8) -> Float64:
    """[F, N] frames as vectors of length 1: small, grey, their mean taken away."""
    count, height, width = frames.shape[:3]
    grey = frames[:, : height // CELL * CELL, : width // CELL * CELL].astype(np.float64).mean(axis=3)
    small = grey.reshape(count, height // CELL, CELL, width // CELL, CELL).mean(axis=(2, 4)).reshape(count, -1)
    small -= small.mean(axis=1, keepdims=True)
    return np.asarray(small / (np.linalg.norm(small, axis=1, keepdims=True) + 1e-9), dtype=np.float64)
