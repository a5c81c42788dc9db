"""Metric depth from files: 16-bit pictures with their scale, and numpy arrays in metres."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.shot import Float32

from .clip_frames import ClipError

NOTHING = 65535
"""What several depth cameras write for "no reading", beside 0."""


@dataclass(frozen=True)
class DepthUnit:
    """units_in_a_metre: what a stored 1 m reads as. The picture's 0 and 65535 are unknown."""

    units_in_a_metre: float


UNITS = {
    "millimetres": DepthUnit(1000.0),
    "tum": DepthUnit(5000.0),
    "kitti": DepthUnit(256.0),
}
"""16-bit depth of common data sets by name: 7-Scenes, ScanNet, ARKit (millimetres), TUM RGB-D, KITTI."""


def read_depth(file: Path, unit: DepthUnit) -> Float32:
    """[h, w] float32 metres, NaN where unknown. .png/.tif are integers in `unit`, .npy and .npz are metres.

    Raises ClipError when the file cannot be read or is not one channel.
    """
    stored = _stored(file)
    if stored.ndim != 2:
        raise ClipError("A depth map has more than one channel", f"{file}: shape {list(stored.shape)}")
    depth = stored.astype(np.float32)
    if np.issubdtype(stored.dtype, np.integer):
        depth /= np.float32(unit.units_in_a_metre)
        depth[stored == NOTHING] = np.nan
    depth[~np.isfinite(depth) | (depth <= 0)] = np.nan
    return depth


def _stored(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    try:
        if file.suffix == ".npy":
            return np.asarray(np.load(file, allow_pickle=False))
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                return np.asarray(arrays[_depth_name(arrays.files, file)])
        with Image.open(file) as picture:
            return np.array(picture)
    except (OSError, ValueError) as error:
        raise ClipError("A depth map cannot be read", f"{file}: {error}") from error


def _depth_name(names: list[str], file: Path) -> str:
    if "depth" in names:
        return "depth"
    if len(names) == 1:
        return names[0]
    raise ClipError("It is not clear which array is the depth", f"{file} holds {names}", "Name it `depth`.")
