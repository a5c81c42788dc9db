"""A PGM is its numbers, as bytes or as text, or a sentence: no number is taken for another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.depth.pgm import read_pgm
from blender_addon.core.errors import PhotoError


@pytest.mark.parametrize(
    ("content", "dtype"),
    [
        (b"P2\n# by a tool\n3 2\n255\n0 1 2\n3 4 5\n", np.uint8),
        (b"P2 3 2 65535\n0 1 2 3 4 5", np.uint16),
        (b"P5 3 2 255\n\0\1\2\3\4\5", np.uint8),
        (b"P5 3 2 4000\n" + np.arange(6, dtype=">u2").tobytes(), np.uint16),
    ],
)
def test_bytes_and_text(tmp_path: Path, content: bytes, dtype: type) -> None:
    path = tmp_path / "depth.pgm"
    path.write_bytes(content)
    found = read_pgm(path)
    assert found.dtype == dtype
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"P6 3 2 255\n", "is no PGM"),
        (b"P2 3 2 255\n0 1 2", "ends before its last row"),
        (b"P5 3 2 255\n\0", "ends before its last row"),
        (b"P2 3 2 255\n0 1 2 3 4 500", "holds '500', which is no whole number from 0 to 255"),
        (b"P2 3 2 255\n0 1 2 3 4 -5", "holds '-5'"),
        (b"P2 3 2 255\n0 1 2 3 4 5.5", "holds '5.5'"),
        (b"P2 3 2 255\n0 1 2 # half\n 3 4 5", "holds '#'"),
        (b"P2 3 2 255\n0 1 2 3 4 99999999999999999999", "holds '99999999999999999999'"),
        (b"P5 3 2 70000\n" + bytes(24), "its highest number is 70000"),
        (b"P5 3 2 0\n" + bytes(6), "its highest number is 0"),
    ],
)
def test_what_is_no_number_of_its_range_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "depth.pgm"
    path.write_bytes(content)
    with pytest.raises(PhotoError) as caught:
        read_pgm(path)
    assert words in caught.value.sentence
