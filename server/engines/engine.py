"""What the service knows of an engine, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from blender_addon.core.errors import RealCamError
from blender_addon.core.shot import Clip, EngineCapability, Shot, UInt8


class Cancelled(RealCamError):
    """Raised inside an engine when the artist cancelled; the service turns it into the state CANCELLED."""

    def __init__(self) -> None:
        super().__init__("Cancelled by the artist")


@dataclass(frozen=True, eq=False)
class StepReport:
    """One step done: `step` of `steps`, what the engine is doing, and perhaps a picture [h, w, 3] of how it looks."""

    step: int
    steps: int
    stage: str
    preview: UInt8 | None = None


Report = Callable[[StepReport], None]
"""Called by the engine after each step. Raises Cancelled when the job was cancelled: let it through."""


class Engine(Protocol):
    """Turns shots into clips. One instance serves many shots, one at a time, in the worker process."""

    @property
    def capability(self) -> EngineCapability:
        """What it can do on this machine now. Must be cheap: the service asks without loading weights."""
        ...

    def generate(self, shot: Shot, report: Report) -> Clip:
        """Make the clip, with shot.trajectory's frames and size. Raises EngineError in words, or Cancelled."""
        ...
