"""PGM, the grey picture of one number a pixel that research tools write: 8 or 16 bits, as bytes or as text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PhotoError

_GAP = rb"(?:\s+(?:#[^\n]*\n\s*)*)"
_HEADER = re.compile(_GAP.join([rb"(P[25])", rb"(\d+)", rb"(\d+)", rb"(\d+)\s"]))
"""Form, width, height, highest number; comments may stand between them."""
_HIGHEST = 65535
_EXPORT = "Export it as 16-bit PNG, EXR or NPY."


def read_pgm(path: Path) -> NDArray[Any]:
    """[h, w] the numbers of a PGM: uint8 when its highest is below 256, else uint16.

    Raises:
        PhotoError: it is no PGM, ends before its last row, or holds what is no number of its range.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    found = _HEADER.match(data)
    if found is None:
        raise PhotoError("The depth file cannot be read", f"{path} is no PGM", _EXPORT)
    form, (width, height, highest) = found[1], (int(number) for number in found.groups()[1:])
    if not 0 < highest <= _HIGHEST:
        why = f"{path} says that its highest number is {highest}, which is not 1 to {_HIGHEST}"
        raise PhotoError("The depth file cannot be read", why, _EXPORT)
    dtype = np.dtype(np.uint8 if highest < 256 else ">u2")
    body, count = data[found.end() :], width * height
    if form == b"P2":
        numbers = _typed(path, body.split()[:count], highest)
    else:
        numbers = np.frombuffer(body, dtype, min(count, len(body) // dtype.itemsize))
    if len(numbers) < count:
        raise PhotoError("The depth file cannot be read", f"{path} ends before its last row", "Copy it again.")
    return np.asarray(numbers.astype(np.uint8 if highest < 256 else np.uint16).reshape(height, width))


def _typed(path: Path, words: list[bytes], highest: int) -> NDArray[np.int64]:
    """The numbers of a PGM that is text.

    Raises:
        PhotoError: a word is no whole number from 0 to the file's highest.
    """
    wrong = next((word for word in words if not word.isdigit() or len(word) > 9 or int(word) > highest), None)
    if wrong is not None:
        said = wrong[:20].decode("utf-8", "replace")
        why = f"{path} holds {said!r}, which is no whole number from 0 to {highest}"
        raise PhotoError("The depth file cannot be read", why, _EXPORT)
    return np.array([int(word) for word in words], dtype=np.int64)
