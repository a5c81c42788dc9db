"""A camera file in UTF-16, as Windows PowerShell 5.1 writes with `>`.

Situation: a file of eight cameras with a byte order mark.
Wrong: "The file is not text: byte 0 is not UTF-8."
Right: it is read, or the error says that it is UTF-16.
"""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.camera.formats import read_trajectory
from blender_addon.core.errors import CameraError
from tests.cases.checking import INPUTS, Answer, judge

CASE = INPUTS / "16-utf16-camera-file"


def check(_work: Path) -> Answer:
    """Count the cameras read."""
    try:
        count = len(read_trajectory(CASE / "poses_powershell.txt", 320, 200).trajectory)
    except CameraError as error:
        return Answer("UTF-16" in str(error), str(error))
    return Answer(count == 8, f"{count} cameras read")


if __name__ == "__main__":
    judge(check)
