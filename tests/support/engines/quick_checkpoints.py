"""The engine `realcam` for a server that keeps a checkpoint after every step."""

from __future__ import annotations

from collections.abc import Callable

from server.engines.engine import Engine
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.sources import RandomWeights
from server.service.workers import checkpoints

checkpoints.INTERVAL = 0.0


def engines() -> dict[str, Callable[[], Engine]]:
    return {"realcam": lambda: RealCamEngine(RandomWeights("tiny"))}
