"""The JSON of a layout: recorded edits that anyone can replay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.depth.layout.layout import (
    CutOut,
    DepthLayout,
    Ground,
    Mask,
    Wall,
    layout_json,
    layout_of,
    read_layout,
)
from blender_addon.core.errors import PhotoError


def test_a_layout_comes_back_from_its_json() -> None:
    inside = np.random.default_rng(0).random((9, 7)) < 0.5
    layout = DepthLayout(
        ground=Ground((0.41, 0.43), 1.7, ceiling=2.6, vertical=(0.5, 3.0)),
        walls=(Wall(((0.0, 0.7), (0.4, 0.6), (1.0, 0.8)), height=2.0, name="Facade [ 1,  2 ]"),),
        cut_outs=(CutOut(((0.1, 0.2), (0.3, 0.2), (0.2, 0.9)), turn=20.0), CutOut(mask=Mask.of(inside), distance=3.0)),
        farthest=None,
        mixing="align",
    )
    text = layout_json(layout)
    assert layout_of(text) == layout
    assert b"[0.41, 0.43]" in text, "a person reads it"


def test_a_layout_may_be_written_by_hand() -> None:
    assert layout_of('{"ground": {"horizon": [0.4, 0.4], "camera_height": 1.5}}') == DepthLayout(
        ground=Ground((0.4, 0.4), 1.5)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no depth layout"),
        ('{"cutouts": []}', "cutouts"),
        ('{"ground": {"horizon": 0.4}}', "horizon"),
        ('{"version": 2, "new": 1}', "newer RealCam"),
        (b"\xff\xfe", "no depth layout"),
    ],
)
def test_what_is_no_layout_is_said(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = tmp_path / "edits.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PhotoError, match=words) as caught:
        read_layout(path)
    assert "edits.json" in caught.value.sentence


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="cannot be read"):
        read_layout(tmp_path / "none.json")
