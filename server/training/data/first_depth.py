"""The depth of a recorded clip's first frame, and the unit of length that predecessors' cameras had by it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from blender_addon.core.arrays import Float32
from blender_addon.core.depth.depth_mesh import known_depth
from server.datasets.posed_clip import MILLIMETRES, NO_READING
from server.depth.photo_files import read_depth

DEPTH = "depth"
"""Folder of a clip's depth, beside its frames: files of their names."""
NEAR_PLANE = 1.25
"""Where RealEstate10K puts the near plane of a clip, in the clip's unit of length."""
NEAR_SHARE = 5
"""Percent of the depths that are nearer than it."""


def depth_file(folder: Path, frame: Path) -> Path:
    """Where `realcam data render` writes the depth of a frame.

    Args:
        folder: of the clip.
        frame: the frame's file.
    """
    return folder / DEPTH / f"{frame.stem}.png"


def read_frame_depth(file: Path) -> Float32:
    """The depth map of a file of 16-bit millimetres: [h, w] metres along z, NaN where unknown."""
    return known_depth(read_depth(file, msgspec.structs.replace(MILLIMETRES, unknown=NO_READING), trust_unit=True))


@lru_cache(maxsize=4096)
def near_plane(file: Path) -> float:
    """Metres to the near plane of a frame: NEAR_SHARE percent of its known depths are nearer; NaN if none is known.

    Args:
        file: of the frame's depth.
    """
    depth = read_frame_depth(file)
    known = depth[np.isfinite(depth)]
    return float(np.percentile(known, NEAR_SHARE)) if known.size else float("nan")
