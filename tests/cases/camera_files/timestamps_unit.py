"""The first column of a camera file holds frame numbers, seconds or nanoseconds instead of the format's unit.

Situation: RealEstate10K with frame numbers and with seconds, TUM with nanoseconds (EuRoC, ROS) and with frame numbers.
Wrong: rates of 1e6, 2.4e7 and 2e-8 frames a second, which a server refuses after the upload, and of 1; nothing is said.
Right: a rate that people film at, or a note or an error that speaks of the times.
"""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.camera.formats import read_trajectory
from blender_addon.core.errors import CameraError
from tests.cases.checking import INPUTS, Answer, judge

CASE = INPUTS / "08-timestamps-unit"
FILES = ("re10k_frame_numbers.txt", "re10k_seconds.txt", "tum_nanoseconds.txt", "tum_frame_numbers.txt")


def check(_work: Path) -> Answer:
    """Read the rate of the four files."""
    right, said = True, []
    for name in FILES:
        try:
            read = read_trajectory(CASE / name, 320, 200)
            fps = read.trajectory.fps
            told = any("time" in note.lower() for note in read.notes)
            right &= 5 <= fps <= 240 or (told and 0.01 <= fps <= 1000)
            said.append(f"{name}: {fps:.3g} frames a second, {'said so' if told else 'nothing said'}")
        except CameraError as error:
            right &= "time" in str(error).lower()
            said.append(f"{name}: {error}")
    return Answer(right, "; ".join(said))


if __name__ == "__main__":
    judge(check)
