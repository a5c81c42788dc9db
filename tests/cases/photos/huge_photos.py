"""Photos of 108 and 200 megapixels, as phones take them.

Situation: `realcam generate` with each of them.
Wrong: 200 megapixels end in a traceback; 108 are rendered and uploaded, 324 MB, before the server refuses them.
Right: a clip, or a refusal in words before anything is rendered or sent.
"""

from __future__ import annotations

from pathlib import Path

from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.product import realcam

CASE = INPUTS / "10-huge-photo"


def check(work: Path) -> Answer:
    """Run the command on both photos and read what it says."""
    right, said = True, []
    for name in ("108_megapixels", "200_megapixels"):
        files = ("--photo", CASE / f"{name}.png", "--depth", CASE / "depth.npy", "--trajectory", CASE / "poses.txt")
        ended = realcam("generate", *files, "--frames", 8, "-o", work / name / "clip.mp4")
        crashed = "Traceback" in ended.text or "DecompressionBomb" in ended.text
        begun = "Sending" in ended.text or "Preview" in ended.text
        right &= not crashed and (ended.code == 0 or not begun)
        said.append(f"{name}: exit {ended.code}, ...{ended.line[-150:]}")
    return Answer(right, "; ".join(said))


if __name__ == "__main__":
    judge(check)
