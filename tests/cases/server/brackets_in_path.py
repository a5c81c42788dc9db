"""Square brackets in a folder's name, which the terminal's library takes for markup.

Situation: `realcam generate -o "[draft] shot/clip.mp4"`.
Wrong: the clip is written there, and the command prints " shot/clip.mp4".
Right: the path that the command prints is the clip's.
"""

from __future__ import annotations

from pathlib import Path

from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.product import realcam

CASE = INPUTS / "14-brackets-in-path"
CLIP = "[draft] shot/clip.mp4"


def check(work: Path) -> Answer:
    """Read the path that the command says it wrote."""
    files = ("--photo", CASE / "photo.png", "--depth", CASE / "depth.png", "--trajectory", CASE / "poses.txt")
    ended = realcam("generate", *files, "--frames", 8, "-o", work / CLIP)
    there = (work / CLIP).is_file()
    said = ended.text.replace("\n", "").partition("Written: ")[2].strip()
    return Answer(
        said.endswith(f"/{CLIP}"),
        f"exit {ended.code}, the clip is there: {there}; the command says it wrote ...{said[-30:]}",
    )


if __name__ == "__main__":
    judge(check)
