"""The demo's picture against its own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.server.published.demo_picture import demo_picture
from tests.server.published.parity import ParityKit

PICTURES = (
    "landscape_180x300_to_64x64",
    "wide_100x300_to_80x128",
    "tall_300x200_to_64x64",
    "tall_300x200_to_80x128",
    "small_40x50_to_80x128",
)


@pytest.mark.parametrize("name", PICTURES)
def test_picture(kit: ParityKit, name: str) -> None:
    g = kit.arrays("preprocess")
    source, _, target = name.split("_", 1)[1].partition("_to_")
    height, width = (int(n) for n in source.split("x"))
    target_height, target_width = (int(n) for n in target.split("x"))
    blocks = g[f"{name}.image_blocks"]
    photo = np.kron(blocks, np.ones((10, 10, 1), np.uint8))[:height, :width]
    made = demo_picture(photo, (target_width, target_height))
    cases = {
        "video_frame0_uint8": made.frame.transpose(2, 0, 1),
        "K": made.intrinsics,
        "resized_HW": made.resized,
    }
    for short, ours in cases.items():
        kit.check("preprocess", f"{name}.{short}", ours)
