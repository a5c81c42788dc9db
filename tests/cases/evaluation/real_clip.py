"""A real clip of RealEstate10K measured against its own camera, with five seeds.

Situation: 16 frames, 1024 x 576, and the data set's camera of them; `realcam evaluate --trials 5`.
Wrong: some seeds find another camera (RotErr 2.7 rather than 0.05), all count as successful, and their average stands
below the sentence "The camera follows".
Right: every seed finds the camera, and the reported errors agree: RotErr below 0.15, relative TransErr below 0.3.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.product import realcam

CASE = INPUTS / "20-real-clip-measured"
LARGEST_ROTATION, LARGEST_TRANSLATION = 0.15, 0.3
"""RotErr and relative TransErr summed over the clip's frames, as published."""


def check(work: Path) -> Answer:
    """Read the errors of each solve, of the report, and the report's first sentence."""
    written = work / "out.json"
    options = ("--reference", CASE / "camera.txt", "--trials", 5, "--json", written)
    ended = realcam("evaluate", CASE / "frames", *options, timeout=900)
    if ended.code:
        return Answer(False, ended.text[-200:])
    clip = json.loads(written.read_text())["clips"][0]
    solves = [trial["errors"]["rot_err"] if trial["errors"] else None for trial in clip["trials"]]
    rotation, translation = clip["errors"]["rot_err"], clip["errors"]["trans_err_rel"]
    right = (
        all(error is not None and error < LARGEST_ROTATION for error in solves)
        and rotation < LARGEST_ROTATION
        and translation < LARGEST_TRANSLATION
    )
    rounded = [error and round(error, 3) for error in solves]
    return Answer(
        right,
        f"RotErr of each solve {rounded}, reported {rotation:.3f} / TransErr {translation:.3f}; "
        f"said: {clip['findings'][0]}",
    )


if __name__ == "__main__":
    judge(check)
