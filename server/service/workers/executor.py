"""What the dispatcher asks of whatever executes attempts: processes of this machine, or workers on other machines.

Everything here is called on the service's loop thread, the listener too, and nothing may block it.

An attempt goes to a worker as `RunJob`, whose paths are on the server's own disk. A worker on another machine gets the
payload as bytes; its checkpoints and results are written to these paths by the executor, and only then does it say
`Finished`. An attempt ends with exactly one of `Finished`, `Stopped`, `Suspended`, a `Failed` that is not `broken`, or
`WorkerLost`. After `WorkerLost` nothing of the earlier process is said under its worker's name.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from blender_addon.core.protocol.capability import EngineCapability
from server.engines.engine import EngineNeeds

from .worker_messages import CancelJob, ClipMade, Failed, Finished, RunJob, Step, Stopped, Suspended


class WorkerKind(enum.StrEnum):
    """What a worker is for."""

    LIGHT = "light"
    """What needs no card and takes seconds: drafts, depth, checks."""
    HEAVY = "heavy"
    """Networks that want a card, computed on the processor."""
    CARD = "card"
    """Networks, on its cards."""
    ANY = "any"
    """Everything, with all cards of the machine: the one worker of a server that has one."""


@dataclass(frozen=True)
class Card:
    """A graphics card.

    Attributes:
        name: as CUDA_VISIBLE_DEVICES of its machine has it.
        memory: bytes, all there are.
    """

    name: str
    memory: int


@dataclass(frozen=True)
class WorkerPlace:
    """Where jobs can run, for as long as it has this name.

    Attributes:
        name: unique in the server: "light", "light-2", "heavy", "card0", "card0+1".
        kind: what it is for.
        cards: those it has to itself.
        node: name of the machine.
    """

    name: str
    kind: WorkerKind
    cards: tuple[Card, ...] = ()
    node: str = ""


class WorkerState(enum.StrEnum):
    """Whether a worker takes jobs."""

    ASLEEP = "asleep"
    """It has no process, and starts when it is wanted."""
    STARTING = "starting"
    READY = "ready"
    """It takes a job, or runs one."""


@dataclass(frozen=True)
class WorkerNow:
    """A worker at this moment.

    Attributes:
        place: which one.
        state: whether it takes jobs.
        engine: the engine of its last job, whose network it may hold; "" for none.
        draining: whether it is given no more jobs, see `Executor.drain`.
        silence: seconds since its last sign of life.
        memory: resident bytes.
    """

    place: WorkerPlace
    state: WorkerState
    engine: str = ""
    draining: bool = False
    silence: float = 0.0
    memory: int = 0


@dataclass(frozen=True)
class WorkerLost:
    """The worker's process is gone.

    Attributes:
        reason: how, in words that follow "The engine's process was lost: ".
    """

    reason: str


JobMessage = Step | ClipMade | Finished | Stopped | Suspended | Failed
"""What a worker says of its attempt."""

Listener = Callable[[str, JobMessage | WorkerLost], None]
"""Called with a worker's name and what is said of its attempt, or that the worker is lost."""


class WorkerCannotStartError(Exception):
    """Workers die again and again before they are ready, or there are no engines of the given name, as the message
    says: the server cannot go on.
    """


class Executor(Protocol):
    """Runs attempts on workers, which may come and go."""

    def listen(self, listener: Listener) -> None:
        """Say to `listener` what workers say of their attempts. Called once, before anything else."""
        ...

    def tick(self) -> None:
        """Start workers that are lost or wanted. Called in every turn of the loop.

        Raises:
            WorkerCannotStartError: there will be no workers.
        """
        ...

    @property
    def engines(self) -> tuple[EngineCapability, ...] | None:
        """What the engines can do here, each as a worker that takes its jobs says; None before that is known."""
        ...

    @property
    def needs(self) -> Mapping[str, EngineNeeds]:
        """What the engines need, by name; empty before that is known."""
        ...

    @property
    def trouble(self) -> str:
        """Why no worker can run anything now, as a sentence; "" while they can."""
        ...

    def workers(self) -> Sequence[WorkerNow]:
        """All workers, in an order that stays."""
        ...

    def want(self, needs: Sequence[EngineNeeds]) -> None:
        """Wake workers for jobs that wait and that no free worker took.

        Args:
            needs: of each of these jobs, in their order. Those of an earlier call are no longer wanted.
        """
        ...

    def run(self, worker: str, order: RunJob) -> None:
        """Begin an attempt on a worker that is ready and runs none."""
        ...

    def cancel(self, worker: str, order: CancelJob) -> None:
        """Have the worker's attempt stop at its next step."""
        ...

    def end(self, worker: str) -> None:
        """End the worker's process now. WorkerLost follows, also of a worker that is out of reach."""
        ...

    def pause(self) -> None:
        """The server stops: engines that can save a checkpoint at their next step and stop."""
        ...

    def drain(self, name: str, *, pause: bool) -> tuple[str, ...]:
        """Give a worker, or all workers of a node, no more jobs, and end their processes once they are idle.

        Called again and again for as long as they are out of use: a node's workers may come later.

        Args:
            name: of the worker or the node.
            pause: an engine that can saves a checkpoint at its next step and stops; else what runs goes to its end.

        Returns:
            The names of these workers; none where there are none of that name.
        """
        ...

    def undrain(self, name: str) -> tuple[str, ...]:
        """Use the workers again that `drain` of this name has put out of use; their names."""
        ...

    def close(self) -> None:
        """End all workers. Nothing is said of them afterwards."""
        ...
