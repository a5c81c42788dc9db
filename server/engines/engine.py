"""What the service knows of an engine, and nothing more.

An engine calls `report` after each step: report(JobProgress(done, total, "what it does", picture)), the picture as it
likes. `report` raises Cancelled when the job was cancelled: let it through.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from blender_addon.core.errors import RealCamError
from blender_addon.core.payloads.check_request import CheckRequest, CheckResult
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.depth_request import DepthRequest, DepthResult
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from blender_addon.core.protocol.capability import EngineCapability


class Cancelled(RealCamError):
    """Raised inside an engine when the artist cancelled; the service turns it into the state CANCELLED."""

    def __init__(self) -> None:
        super().__init__("Cancelled by the artist")


class Paused(RealCamError):
    """Raised by Checkpoints.save when the server stops: the engine lets it through, the job goes on later."""

    def __init__(self) -> None:
        super().__init__("Paused: the server is stopping")


@runtime_checkable
class Engine(Protocol):
    """Turns shots into clips. One instance serves many shots, one at a time, in the worker process."""

    @property
    def capability(self) -> EngineCapability:
        """What it can do on this machine now. Must be cheap: the service asks without loading weights."""
        ...

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        """Make the clip, with shot.trajectory's frames and size. Raises EngineError in words, or Cancelled."""
        ...


@runtime_checkable
class DepthEngine(Protocol):
    """Turns photos into metric depth. Its capability's only mode is "depth"."""

    @property
    def capability(self) -> EngineCapability:
        """What it can do on this machine now, without loading weights."""
        ...

    def estimate(self, request: DepthRequest, report: OnProgress) -> DepthResult:
        """The depth of the request's photo. Raises RealCamError in words, or Cancelled."""
        ...


@runtime_checkable
class CheckEngine(Protocol):
    """Says how well clips follow their cameras. Its capability's only mode is "check"."""

    @property
    def capability(self) -> EngineCapability:
        """What it can do on this machine now."""
        ...

    def check(self, request: CheckRequest, report: OnProgress) -> CheckResult:
        """The camera that the request's clip shows. Raises RealCamError in words, or Cancelled."""
        ...


AnyEngine = Engine | DepthEngine | CheckEngine


class Checkpoints(Protocol):
    """Where a long sampling keeps how far it came. What is saved is the engine's own matter: bytes, never a pickle."""

    def load(self) -> bytes | None:
        """The last checkpoint of an earlier attempt at this job; None when there is none."""
        ...

    def due(self) -> bool:
        """Whether it is time to save. Cheap: ask after every step."""
        ...

    def save(self, data: bytes) -> None:
        """Replace the checkpoint, durably. Raises Paused when the server is stopping: let it through."""
        ...


@runtime_checkable
class ResumableEngine(Engine, Protocol):
    """An engine whose attempts go on where the last one stood, with the same clip as if nothing had happened."""

    def generate_resumable(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints) -> Clip:
        """Like generate(); starts from checkpoints.load() when there is one, and saves whenever it is due."""
        ...
