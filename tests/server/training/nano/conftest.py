"""Rendered clips, of random pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.model.config import NANO


@pytest.fixture
def worlds(tmp_path: Path) -> Path:
    """Two clips to train on, of smooth random pictures; none to validate yet, and one that is half written."""
    random = np.random.default_rng(0)
    for name in ("000000-E1M1", "000001-E1M2", ".000002-E1M3.part"):
        frames = tmp_path / "worlds" / "train" / name / "frames"
        frames.mkdir(parents=True)
        (frames.parent / "caption.txt").write_text("a bright hall with rock, metal\n")
        for number in range(16):
            small = Image.fromarray(random.integers(0, 256, (4, 8, 3), dtype=np.uint8))
            small.resize(NANO.size).save(frames / f"{number:04d}.png")
    return tmp_path / "worlds"
