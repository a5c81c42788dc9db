"""The order of a clip's frames: that of their pictures' names, with the numbers in them compared as numbers.

COLMAP, nerfstudio and instant-ngp list pictures as they were found or matched, so a file's own order says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence


def natural_order(names: Sequence[str]) -> list[int]:
    """Indices that sort names with the numbers in them compared as numbers: frame_9 before frame_10."""
    return sorted(range(len(names)), key=lambda index: _key(names[index]))


def _key(name: str) -> list[tuple[bool, int, str]]:
    """Runs of digits by their value, of any length; other text without regard to case."""
    parts = re.split(r"(\d+)", name.lower())
    return [
        (True, len(part.lstrip("0")), part.lstrip("0")) if index % 2 else (False, 0, part)
        for index, part in enumerate(parts)
    ]


def picture_name(text: str) -> str:
    """A picture's name as a camera file of any system writes it, with / between its folders."""
    return text.strip().replace("\\", "/")


def one_spelling(name: str) -> str:
    """A name by which pictures are compared: macOS may write an accent as a letter of its own, others never do."""
    return unicodedata.normalize("NFC", name)


def reordered_note(order: Sequence[int]) -> str:
    """A sentence when frames stand in another order than in their file, else "".

    Args:
        order: the frames' places in the file, as natural_order gives them.
    """
    if list(order) == sorted(order):
        return ""
    return "The file lists its pictures in another order: the frames come in the order of the pictures' names."
