"""A black-and-white scan of 16 bits as the photo of `realcam generate`.

Situation: grey16.png, and the same picture in 8 bits.
Wrong: every value above 255 becomes 255: a white picture, and nothing is said.
Right: the pixels of the 8-bit picture, to within 1; or a refusal in words.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blender_addon.core.errors import PhotoError
from server.depth.photo_files import read_photo
from tests.cases.checking import INPUTS, Answer, judge

CASE = INPUTS / "09-grey16-photo"


def check(_work: Path) -> Answer:
    """Compare the two pictures as they are read."""
    whole = read_photo(CASE / "same_in_8_bits.png").pixels.astype(int)
    try:
        read = read_photo(CASE / "grey16.png").pixels.astype(int)
    except PhotoError as error:
        return Answer(True, str(error))
    return Answer(
        bool(np.abs(read - whole).max() <= 1), f"mean {read.mean():.0f}, the same picture in 8 bits {whole.mean():.0f}"
    )


if __name__ == "__main__":
    judge(check)
