"""Which workers and machines are out of use for maintenance: a list in the configuration folder.

Whoever can write there runs the server; no client's message changes it. It outlives a restart, and every server of this
user on this machine goes by it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import read_private, write_private

from .changing import changing
from .watched_file import WatchedFile

log = logging.getLogger("realcam.drains")


class Drain(msgspec.Struct, frozen=True):
    """A worker, or a machine with all its workers, that is out of use.

    Attributes:
        name: of the worker or the machine.
        since: when that was asked for, Unix time.
        deadline: when jobs that still run there are to stop at a checkpoint, Unix time; None lets them end.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    since: float
    deadline: float | None = None


class Workers(Protocol):
    """What a drain acts on: the dispatcher."""

    def drain_worker(self, name: str, *, free_now: bool) -> tuple[str, ...]:
        """Give these workers no more jobs; their names."""
        ...

    def undrain_worker(self, name: str) -> tuple[str, ...]:
        """Give these workers jobs again; their names."""
        ...


class Drains:
    """Keeps the workers as the list says; changes on disk count at the next call.

    Args:
        config: the configuration folder.
        clock: Unix time.
    """

    def __init__(self, config: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = WatchedFile(drains_path(config))
        self._clock = clock
        self._listed: list[Drain] = []
        self._kept: set[str] = set()

    def keep(self, workers: Workers) -> None:
        """Take out of use what is listed, and put back what is no longer. Call about once a second."""
        self._refresh()
        now = self._clock()
        names = {drain.name for drain in self._listed}
        for name in self._kept - names:
            log.info("in use again: %s", ", ".join(workers.undrain_worker(name)) or name)
        for drain in self._listed:
            overdue = drain.deadline is not None and now >= drain.deadline
            meant = workers.drain_worker(drain.name, free_now=overdue)
            if drain.name not in self._kept:
                log.info("out of use: %s", ", ".join(meant) or f"{drain.name}, once it is there")
        self._kept = names

    def _refresh(self) -> None:
        if not self._file.changed():
            return
        try:
            self._listed = read_drains(self._file.path)
        except ServiceError as error:
            log.error("what is out of use stays so: %s", error)


def drains_path(config: Path) -> Path:
    """The list's file in a configuration folder."""
    return config / "drained.json"


def read_drains(path: Path) -> list[Drain]:
    """The list; empty when there is no file.

    Raises:
        ServiceError: the file cannot be read or is damaged.
    """
    return read_private(path, list[Drain]) or []


def change_drains(path: Path, name: str, drain: Drain | None) -> bool:
    """Whether the name was on the list, which has it once, or no longer, afterwards.

    Args:
        path: the list's file; programs that change it at once do so one after the other.
        name: of a worker or a machine.
        drain: what the list is to have of it; None for nothing.

    Raises:
        ServiceError: the file cannot be read, is damaged, or another program keeps it.
        OSError: it cannot be written.
    """
    with changing(path):
        listed = read_drains(path)
        others = [one for one in listed if one.name != name]
        known = len(others) < len(listed)
        if known or drain is not None:
            write_private(path, msgspec.json.encode([*others, drain] if drain is not None else others))
    return known
