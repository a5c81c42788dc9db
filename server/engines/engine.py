"""The protocols that engines implement: all that the service knows of them.

An engine calls `report` after each step: report(JobProgress(done, total, "what it does", picture)), the picture where
it has one. `report` raises Cancelled when the job was cancelled: let it pass through.
"""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import msgspec

from blender_addon.core.errors import RealCamError
from blender_addon.core.payloads.check_request import CheckRequest, CheckResult
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.depth_request import DepthRequest, DepthResult
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from blender_addon.core.protocol.capability import EngineCapability


class Cancelled(RealCamError):
    """Raised inside an engine when the job was cancelled; the service turns it into the state CANCELLED."""

    def __init__(self) -> None:
        super().__init__("Cancelled by the artist")


class Paused(RealCamError):
    """Raised by Checkpoints.save when the server stops: the engine lets it pass through, the job goes on later."""

    def __init__(self) -> None:
        super().__init__("Paused: the server is stopping")


class EngineNeeds(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine needs of a machine: the server gives its jobs to a worker that has it.

    An engine declares it as its attribute `needs`. One that does not is given a card where the server has one, and
    shares the processor with short jobs where it has none.

    Attributes:
        cards: graphics cards that it runs on together.
        card_memory: bytes that each of them must have in all.
        without_card: where the server has no such cards, it runs on the processor beside short jobs ("shared"), on the
            processor in a worker for long jobs ("alone"), or not at all ("never").
        faster_on_card: whether jobs that need no card are faster on one: they get one that nobody needs just now.
        most_cards: cards that it makes one result on together where a worker has them, beyond those that it needs.
        each_of_several: bytes that each card must have in all for that; weights lie on every one of them.
    """

    cards: int = 0
    card_memory: int = 0
    without_card: Literal["shared", "alone", "never"] = "shared"
    faster_on_card: bool = False
    most_cards: int = 1
    each_of_several: int = 0


UNDECLARED = EngineNeeds(cards=1)
"""The needs of an engine that declares none."""


@runtime_checkable
class Engine(Protocol):
    """Turns shots into clips. One instance serves many shots, one at a time, in the worker process."""

    @property
    def capability(self) -> EngineCapability:
        """What the engine can do on this machine now. Must be cheap: the service asks without loading weights."""
        ...

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        """The clip of a shot, with its trajectory's frame count and size.

        Args:
            shot: what to make.
            report: called after each step; what it raises passes through.

        Raises:
            EngineError: the clip cannot be made, with the reason in words.
            Cancelled: the job was cancelled.
        """
        ...


@runtime_checkable
class DepthEngine(Protocol):
    """Turns photos into metric depth. Its capability's only mode is "depth"."""

    @property
    def capability(self) -> EngineCapability:
        """What the engine can do on this machine now, without loading weights."""
        ...

    def estimate(self, request: DepthRequest, report: OnProgress) -> DepthResult:
        """The metric depth of a photo.

        Args:
            request: the photo and the focal lengths known of it.
            report: called after each step; what it raises passes through.

        Raises:
            RealCamError: the depth cannot be estimated, with the reason in words.
            Cancelled: the job was cancelled.
        """
        ...


@runtime_checkable
class CheckEngine(Protocol):
    """Measures how well clips follow their cameras. Its capability's only mode is "check"."""

    @property
    def capability(self) -> EngineCapability:
        """What the engine can do on this machine now."""
        ...

    def check(self, request: CheckRequest, report: OnProgress) -> CheckResult:
        """The camera that a clip shows, compared with the one asked for.

        Args:
            request: the clip, its camera, and the scene's depth.
            report: called after each step; what it raises passes through.

        Raises:
            RealCamError: the camera cannot be found, with the reason in words.
            Cancelled: the job was cancelled.
        """
        ...


AnyEngine = Engine | DepthEngine | CheckEngine


@runtime_checkable
class ReleasableEngine(Protocol):
    """An engine that keeps its network between jobs and can do without: the worker asks it before another engine's
    network is loaded.
    """

    def release(self) -> None:
        """Give back the memory of the network, if one is loaded; the next job loads it again."""
        ...


def needs_of(engine: AnyEngine) -> EngineNeeds:
    """What an engine needs of a machine: its attribute `needs`, UNDECLARED where it has none."""
    declared = getattr(engine, "needs", UNDECLARED)
    return declared if isinstance(declared, EngineNeeds) else UNDECLARED


class Checkpoints(Protocol):
    """Keeps the state of a long sampling between attempts. Its content is the engine's own: bytes, never a pickle."""

    def load(self) -> bytes | None:
        """The last checkpoint of an earlier attempt at this job; None when there is none."""
        ...

    def due(self) -> bool:
        """Whether it is time to save. Cheap: ask after every step."""
        ...

    def save(self, data: bytes) -> None:
        """Replace the checkpoint, on disk when this returns.

        Args:
            data: the state to go on from.

        Raises:
            Paused: the server is stopping; let it pass through.
        """
        ...


@runtime_checkable
class ResumableEngine(Engine, Protocol):
    """An engine whose attempts go on where the last one stopped, and make the same clip as an uninterrupted one."""

    def generate_resumable(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints) -> Clip:
        """The clip of a shot, as `generate` makes it, resumed from a checkpoint where there is one.

        Args:
            shot: what to make.
            report: called after each step; what it raises passes through.
            checkpoints: `load` is asked once at the start; a checkpoint is saved whenever one is due.

        Raises:
            EngineError: the clip cannot be made, with the reason in words.
            Cancelled: the job was cancelled.
            Paused: the server is stopping and a checkpoint was saved.
        """
        ...
