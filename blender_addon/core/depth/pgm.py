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


def read_pgm(path: Path) -> NDArray[Any]:
    """[h, w] the numbers of a PGM: uint8 when its highest is below 256, else uint16.

    Raises:
        PhotoError: it is no PGM, or ends before its last row.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    found = _HEADER.match(data)
    if found is None:
        raise PhotoError("The depth file cannot be read", f"{path} is no PGM", "Export it as 16-bit PNG, EXR or NPY.")
    form, (width, height, highest) = found[1], (int(number) for number in found.groups()[1:])
    dtype = np.dtype(np.uint8 if highest < 256 else ">u2")
    body, count = data[found.end() :], width * height
    if form == b"P2":
        numbers = np.array(body.split()[:count], dtype=np.int64)
    else:
        numbers = np.frombuffer(body, dtype, min(count, len(body) // dtype.itemsize))
    if len(numbers) < count:
        raise PhotoError("The depth file cannot be read", f"{path} ends before its last row", "Copy it again.")
    return np.asarray(numbers.astype(np.uint8 if highest < 256 else np.uint16).reshape(height, width))
