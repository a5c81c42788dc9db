"""EXR files whose data window is a part of the picture (a render region, a crop) or more than it (overscan).

Situation: crop.exr holds 168 x 104 pixels of 320 x 200, overscan.exr 384 x 240 around 320 x 200.
Wrong: the data window is stretched over the whole photo, and nothing is said.
Right: it is placed in the display window, unknown outside and cut to it; or a sentence names the window.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.errors import RealCamError
from server.depth.photo_files import read_depth
from tests.cases.checking import INPUTS, Answer, judge

CASE = INPUTS / "03-exr-data-window"
WORDS = ("window", "crop", "overscan", "region")


def check(_work: Path) -> Answer:
    """Compare the depth of both files with the whole picture's, where it is known."""
    whole = _true_depth()
    right, said = True, []
    for name in ("crop.exr", "overscan.exr"):
        try:
            depth = read_depth(CASE / name, DepthFormat())
            placed = depth.shape == whole.shape and bool(np.nanmax(np.abs(depth - whole)) < 0.01)
            size = f"{depth.shape[1]} x {depth.shape[0]}"
            said.append(f"{name}: {size}" + ("" if placed else ", laid over the whole photo"))
        except RealCamError as error:
            placed = any(word in str(error).lower() for word in WORDS)
            said.append(f"{name}: {error}")
        right &= placed
    return Answer(right, "; ".join(said))


def _true_depth() -> Float64:
    """[200, 320] metres: from 4 m at the left to 6 m at the right, and a box at 2 m."""
    depth = np.tile(4 + 2 * np.arange(320) / 320, (200, 1))
    depth[66:133, 106:213] = 2.0
    return depth


if __name__ == "__main__":
    judge(check)
