"""A folder of frames that was on a Mac's exFAT disk or in a Mac's zip: ._0000.png stands beside 0000.png.

Situation: `realcam evaluate frames/`; the hidden files are macOS's own, no pictures.
Wrong: "A picture cannot be read: ._0000.png: it is not a picture".
Right: hidden files are not taken for frames.
"""

from __future__ import annotations

from pathlib import Path

from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.product import realcam

CASE = INPUTS / "12-appledouble"


def check(_work: Path) -> Answer:
    """Run the command and see whether it speaks of the hidden file. Four frames alone may be too few to solve."""
    ended = realcam("evaluate", CASE / "frames", "--reference", CASE / "poses.txt", "--trials", 1)
    return Answer(
        "._0000" not in ended.text and "Traceback" not in ended.text, f"exit {ended.code}: {ended.line[:160]}"
    )


if __name__ == "__main__":
    judge(check)
