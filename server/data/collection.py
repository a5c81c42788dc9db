"""The published filter over a collection of clips: those whose scales stand apart from the others' are left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.trajectory import Float64

SHARE = 0.02
"""Dropped at each end of each of the two distributions."""


def kept_clips(largest: Float64, smallest: Float64, share: float = SHARE) -> NDArray[np.bool_]:
    """[N] which clips stay, from each clip's largest and smallest frame scale [N].

    Of each of the two, the highest and the lowest `share` of the clips go (rounded down: below 1 / share clips, none).
    """
    count = int(share * len(largest))
    kept = np.ones(len(largest), dtype=np.bool_)
    if count:
        for scales in (largest, smallest):
            order = np.argsort(scales, kind="stable")
            kept[order[:count]] = kept[order[-count:]] = False
    return kept
