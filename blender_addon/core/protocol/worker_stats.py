"""What one of a server's workers does, as the server's statistics tell it."""

from __future__ import annotations

import msgspec

MOST_WORKERS = 128
"""Workers in the answer to a client; what a message may hold is bounded. The metrics have all."""


class WorkerStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A worker at the moment of the statistics.

    Attributes:
        name: unique on the server, as `realcam drain` takes it.
        node: name of its machine, which `realcam drain` takes, too.
        kind: "light", "heavy", "card" or "any".
        cards: its graphics cards, as CUDA_VISIBLE_DEVICES of its machine names them.
        state: "asleep" (no process until it is wanted), "starting" or "ready".
        engine: the engine of its last job, whose network it may hold; "" for none.
        memory: resident bytes of its process.
        busy: whether it runs a job.
        job_id: of that job if it is the client's own, else "".
        step_age: seconds since the job's last step; None without a job.
        draining: whether it is given no more jobs.
    """

    name: str
    node: str = ""
    kind: str = ""
    cards: tuple[str, ...] = ()
    state: str = ""
    engine: str = ""
    memory: int = 0
    busy: bool = False
    job_id: str = ""
    step_age: float | None = None
    draining: bool = False

    @property
    def doing(self) -> str:
        """What it does, in a word or two."""
        if self.busy:
            return "last job" if self.draining else "a job"
        if self.draining:
            return "drained" if self.state == "asleep" else "stopping"
        return "idle" if self.state == "ready" else self.state
