"""A camera file in the form of AC3D and the data sets after it.

Situation: one JSON object with imH, imW, intrinsics [F, 3, 3] in pixels and w2c [F, 3, 4]; sixteen frames.
Wrong: it is not read: "The file holds no camera: no list "frames" of objects."
Right: sixteen cameras, the focal length of the first 484.13 px at 1024 x 576.
"""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.camera.formats import read_trajectory
from tests.cases.checking import INPUTS, Answer, judge

CASE = INPUTS / "21-camera-info-json"


def check(_work: Path) -> Answer:
    """Read the file for pictures of 1024 x 576."""
    trajectory = read_trajectory(CASE / "clip.camera_info.json", 1024, 576).trajectory
    focal = float(trajectory.intrinsics[0, 0, 0])
    return Answer(len(trajectory) == 16 and abs(focal - 484.1348) < 0.01, f"{len(trajectory)} frames, f {focal:.2f}")


if __name__ == "__main__":
    judge(check)
