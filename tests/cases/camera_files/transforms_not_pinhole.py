"""What transforms.json says of its lens: equirectangular, is_fisheye, a size for each frame.

Situation: four files: camera_model EQUIRECTANGULAR; is_fisheye true; frames in landscape and in portrait; frames of
320 x 200 and of 640 x 400, whose focal lengths are 300 px and 600 px.
Wrong: all are read as pinholes of one size; the larger frame's 600 px stay 600 at 320 px wide, which zooms by 2.
Right: the first three are refused in words, the focal lengths of the fourth are 300 and 300 px at 320 px wide.
"""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.camera.formats import read_trajectory
from blender_addon.core.errors import CameraError
from tests.cases.checking import INPUTS, Answer, judge

CASE = INPUTS / "07-transforms-not-pinhole"
NO_PINHOLES = ("equirectangular.json", "is_fisheye.json", "landscape_and_portrait.json")
TWO_SIZES = "sizes_per_frame.json"


def check(_work: Path) -> Answer:
    """Read the four files for pictures of 320 x 200."""
    right, said = True, []
    for name in (*NO_PINHOLES, TWO_SIZES):
        try:
            trajectory = read_trajectory(CASE / name, 320, 200).trajectory
        except CameraError as error:
            said.append(f"{name}: {error}")
            continue
        if name in NO_PINHOLES:
            right = False
            said.append(f"{name}: taken for a pinhole of one size")
        else:
            focal = [round(float(value)) for value in trajectory.intrinsics[:, 0, 0]]
            right &= focal == [300, 300]
            said.append(f"{name}: focal lengths {focal} at 320 wide (300, 300 are true)")
    return Answer(right, "; ".join(said))


if __name__ == "__main__":
    judge(check)
