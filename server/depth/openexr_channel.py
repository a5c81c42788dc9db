"""A channel of an EXR by the package OpenEXR, which knows every compression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.depth.exr import own_name


def openexr_channel(path: Path, part: int, name: str) -> NDArray[Any] | None:
    """[h, w] numbers of a channel in the data window; None where the package is not installed or cannot read them.

    Args:
        path: the file.
        part: its number.
        name: as core.depth.exr.exr_channels gives it.
    """
    try:
        import OpenEXR
    except ImportError:
        return None
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = file.parts[part].channels
            own = own_name(list(channels), name)
            return None if own is None else np.array(channels[own].pixels)
    except (RuntimeError, ValueError):
        return None
