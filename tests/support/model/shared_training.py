"""One process of a training that several share: prints its losses, and writes the trained tensors.

RANK=0 WORLD_SIZE=2 ... python -m tests.support.model.shared_training FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from tests.server.training.test_loop import CONFIG, batch_of, training

SHARED = msgspec.structs.replace(CONFIG, dropout=0.0)
"""Without the base's dropout, whose random numbers are each process's own."""


def losses(folder: Path, steps: int) -> list[float]:
    """The losses of a training's first steps, with whatever processes the environment names."""
    run, _ = training(folder, SHARED)
    return [record.loss for record in run.run(batch_of, steps)]


if __name__ == "__main__":
    print(json.dumps(losses(Path(sys.argv[1]), 2)))
