"""Tables that NumPy pickled into an NPZ, read without running what a pickle may hold."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .clip_set import DataError

_FORMAT: Any = np.lib.format
_HARMLESS = frozenset(
    (module, name)
    for root in ("numpy", "numpy.core", "numpy._core")
    for module, name in (
        (f"{root}.multiarray", "_reconstruct"),
        (f"{root}.multiarray", "scalar"),
        (f"{root}.numeric", "_frombuffer"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    )
)
"""What arrays, numbers and text in a pickle are made with."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is neither an array nor a number nor text")
        return super().find_class(module, name)


def read_pickled_array(file: Path) -> Any:
    """The first array of an NPZ; of objects, which may be dictionaries, lists, arrays, numbers and text.

    Raises:
        DataError: there is none, or it holds anything else.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            if not names:
                raise DataError("The NPZ holds no array", str(file))
            return _array(archive.read(names[0]))
    except OSError as error:
        raise DataError("The table cannot be read", f"{file}: {error.strerror or error}") from error
    except (ValueError, EOFError, AttributeError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError("The table cannot be read", f"{file}: {error}") from error


def _array(data: bytes) -> Any:
    stream = io.BytesIO(data)
    version = _FORMAT.read_magic(stream)
    header = _FORMAT.read_array_header_1_0 if version == (1, 0) else _FORMAT.read_array_header_2_0
    _, _, dtype = header(stream)
    if dtype.hasobject:
        return _ArraysOnly(stream).load()
    return _FORMAT.read_array(io.BytesIO(data), allow_pickle=False)
