"""EXR files in which depth is not the first channel whose name ends in Z: normals and positions end in Z too.

Situation: renderer_N_P_Z.exr (R G B A, N.X N.Y N.Z, P.X P.Y P.Z, Z) and two_view_layers.exr, whose first view layer has
normals only. The median depth is 4.83 m.
Wrong: N.Z and Background.Normal.Z are taken for depth: everything is 0.9 m away, and nothing is said.
Right: the depth channel is taken, or the file is refused with a question.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.depth.exr import depth_channel
from blender_addon.core.errors import RealCamError
from server.depth.photo_files import read_depth
from tests.cases.checking import INPUTS, Answer, judge

CASE = INPUTS / "02-exr-depth-channel"


def check(_work: Path) -> Answer:
    """Read both files with no channel named."""
    right, said = True, []
    for name in ("renderer_N_P_Z.exr", "two_view_layers.exr"):
        try:
            median = float(np.nanmedian(read_depth(CASE / name, DepthFormat())))
            said.append(f"{name}: {depth_channel(CASE / name)}, median {median:.2f} m (4.83 is true)")
            right &= 4 < median < 6
        except RealCamError as error:
            said.append(f"{name}: {error}")
    return Answer(right, "; ".join(said))


if __name__ == "__main__":
    judge(check)
