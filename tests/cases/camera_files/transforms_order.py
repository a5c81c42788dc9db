"""transforms.json lists its frames in no order, as nerfstudio and colmap2nerf write it.

Situation: eight cameras of a straight move, x from 0 to 0.14 m.
Wrong: the camera jumps back and forth along the clip, and no note says so.
Right: the cameras come in the order of their pictures' names, or a note speaks of the order.
"""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.camera.formats import read_trajectory
from tests.cases.checking import INPUTS, Answer, judge

CASE = INPUTS / "06-transforms-order"


def check(_work: Path) -> Answer:
    """Read the x of the cameras along the clip."""
    read = read_trajectory(CASE / "transforms.json", 320, 200)
    x = [round(float(value), 2) for value in read.trajectory.centres[:, 0]]
    told = any("order" in note.lower() for note in read.notes)
    return Answer(x == sorted(x) or told, f"x along the clip {x}; notes {list(read.notes)}")


if __name__ == "__main__":
    judge(check)
