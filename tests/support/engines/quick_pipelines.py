"""Engines on diffusers' pipelines with tiny random weights, for a server that keeps a checkpoint after every step."""

from __future__ import annotations

import os
from collections.abc import Callable

from server.engines import registry
from server.engines.engine import Engine
from server.engines.random_weights import RANDOM_WEIGHTS
from server.service.workers import checkpoints

checkpoints.INTERVAL = 0.0


def engines() -> dict[str, Callable[[], Engine]]:
    os.environ[RANDOM_WEIGHTS] = "tiny"
    made = registry.engines()
    return {name: made[name] for name in ("vace", "wan-i2v", "sana-wm")}
