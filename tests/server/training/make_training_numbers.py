"""Makes the compact set of the published training's numbers of the training kit, for clones that do not have it.

python -m tests.server.training.make_training_numbers PARITY_KIT/training
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.server.published.make_published_numbers import as_bytes, reduced

COMPACT = Path(__file__).with_name("training_numbers.npz")

SECTIONS = ("noising", "step", "train", "optimizer", "batch", "data")

LEFT_OUT = (
    # Of two variants' clips and steps one each.
    "batch/eps256.video",
    "batch/eps256.mask_d8_packed",
    "train/v512.*",
    # A parameter's first step is the sign of its gradient: a few values tell too little. The rows of all are kept.
    "train/*.after*.model.*",
    "train/*.after*.pose_encoder.*",
)

READ_AS_INPUTS = ("*.grad_stats", "*.stats", "data/frame_choice*")
"""Outputs that tests read as a whole."""


def compact(kit: Path) -> dict[str, Any]:
    """The arrays of the compact set by name, `index` among them."""
    lists = {f"trainable_{n}": as_bytes(json.loads((kit / f"trainable_{n}.json").read_text())) for n in ("256", "tiny")}
    return lists | reduced(kit, SECTIONS, LEFT_OUT, READ_AS_INPUTS)


if __name__ == "__main__":
    np.savez_compressed(COMPACT, **compact(Path(sys.argv[1])))
    print(f"{COMPACT}: {COMPACT.stat().st_size / 1e6:.2f} MB")
