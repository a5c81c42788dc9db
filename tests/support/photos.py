"""Photos as files an artist would have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from server.demo.motorcycle import Motorcycle


def write_small_bike(bike: Motorcycle, folder: Path) -> Path:
    """The motorcycle photo as a file, its depth beside it, both at a third of their size."""
    small = Image.fromarray(bike.photo).resize((247, 167), Image.Resampling.BOX)
    small.save(folder / "bike.png")
    rows, columns = np.linspace(0, 499, 167).astype(int), np.linspace(0, 740, 247).astype(int)
    np.save(folder / "bike_depth.npy", bike.depth[np.ix_(rows, columns)])
    return folder / "bike.png"
