"""Types of the arrays that functions take and return; their docstrings give the shapes. What files of arrays raise."""

from __future__ import annotations

import zlib
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
UInt16 = NDArray[np.uint16]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
"""Of any floating-point type."""
Bool = NDArray[np.bool_]

BROKEN_ARRAYS = (
    ValueError,
    OverflowError,
    EOFError,
    KeyError,
    SyntaxError,
    RuntimeError,
    TokenError,
    BadZipFile,
    zlib.error,
)
"""What numpy.load raises, beside OSError, of a file that is damaged or was made to do harm: its header is a text of
Python, and an archive may be encrypted or packed in another way."""
