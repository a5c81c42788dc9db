"""Engines on diffusers' pipelines with tiny random weights, for a server that keeps a checkpoint after every step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from server.engines import registry
from server.engines.engine import Engine
from server.engines.random_weights import RANDOM_WEIGHTS
from server.service.workers import checkpoints, worker

checkpoints.INTERVAL = 0.0

HOLD = "REALCAM_TEST_HOLD"
"""Names a file: while it is there, an attempt waits once it has saved its third checkpoint."""


class HeldCheckpoints(checkpoints.FileCheckpoints):
    """Checkpoints of an attempt that can be held in the middle, to be killed there however fast the machine is."""

    saved = 0

    def save(self, data: bytes) -> None:
        super().save(data)
        self.saved += 1
        hold = os.environ.get(HOLD)
        while hold and self.saved == 3 and Path(hold).exists():
            time.sleep(0.01)


worker.FileCheckpoints = HeldCheckpoints  # type: ignore[misc]


def engines() -> dict[str, Callable[[], Engine]]:
    os.environ[RANDOM_WEIGHTS] = "tiny"
    made = registry.engines()
    return {name: made[name] for name in ("vace", "wan-i2v", "sana-wm")}
