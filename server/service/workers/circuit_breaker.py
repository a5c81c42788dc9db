"""Which engines are suspended, for whom and until when: pure. One client's failures suspend an engine for it alone."""

from __future__ import annotations

from dataclasses import dataclass, field

FAILURES_TO_SUSPEND = 3
"""Failed jobs in a row that suspend an engine."""


@dataclass
class _Row:
    """Jobs that failed one after another.

    Attributes:
        failures: how many.
        owners: whose.
        reason: of the latest.
        until: when the suspension ends, seconds; 0 without one.
    """

    failures: int = 0
    owners: set[str] = field(default_factory=set)
    reason: str = ""
    until: float = 0.0


class CircuitBreaker:
    """Counts jobs that lost their worker for good. All times are of one clock, in seconds.

    Three in a row of one client suspend the engine for this client. Three in a row of all jobs, of two clients or more,
    suspend it for everybody. After `rest` seconds it is tried again: a clip ends the row, a failure suspends it once
    more.

    Args:
        rest: seconds that an engine is suspended.
    """

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._of_clients: dict[tuple[str, str], _Row] = {}
        self._of_all: dict[str, _Row] = {}

    def record_failure(self, engine: str, owner: str, reason: str, now: float) -> bool:
        """Count a failed job.

        Returns:
            Whether the engine is suspended now, for its owner or for everybody.
        """
        own = self._of_clients.setdefault((engine, owner), _Row())
        everybody = self._of_all.setdefault(engine, _Row())
        for row, clients in ((own, 1), (everybody, 2)):
            row.failures += 1
            row.owners.add(owner)
            row.reason = reason
            if row.failures >= FAILURES_TO_SUSPEND and len(row.owners) >= clients:
                row.until = now + self._rest
        return bool(self.why(engine, owner, now))

    def record_success(self, engine: str, owner: str) -> None:
        """Count a finished job: it ends the row of failures, its owner's and everybody's."""
        self._of_clients.pop((engine, owner), None)
        self._of_all.pop(engine, None)

    def why(self, engine: str, owner: str, now: float) -> str:
        """Why this client cannot use the engine now; "" when it can.

        Of other clients' jobs it says only that they failed.
        """
        own, everybody = self._of_clients.get((engine, owner)), self._of_all.get(engine)
        if own is not None and now < own.until:
            return f"it failed {own.failures} jobs in a row, the last one so: {own.reason}"
        if everybody is not None and now < everybody.until:
            last = f", yours so: {own.reason}" if own is not None else ""
            return f"it failed {everybody.failures} jobs in a row, of several clients{last}"
        return ""

    def engines(self, now: float) -> list[str]:
        """Engines that are suspended now, for some client or for all."""
        rows = [*((engine, row) for (engine, _), row in self._of_clients.items()), *self._of_all.items()]
        return sorted({engine for engine, row in rows if now < row.until})
