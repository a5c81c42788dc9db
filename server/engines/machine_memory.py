"""How much of the machine's memory, and of its card's, this process may use.

That is less than all where a container's control group or `ulimit -v` limits it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from .graphics_card import card_memory

GB = 2**30
"""Bytes in the unit that messages call GB."""

USABLE = 0.9
"""The share of a device's memory that a shot may take: the rest is the system's and other programs'. Of all of it, not
of what is free just now: the same machine makes the same clip.
"""

CGROUPS = Path("/sys/fs/cgroup")
"""Where control groups are mounted."""
OWN_CGROUPS = Path("/proc/self/cgroup")
"""The control groups that this process is in."""


@dataclass(frozen=True)
class Machine:
    """The memory that this process may use.

    Attributes:
        memory: bytes of the machine's memory.
        card: bytes of the CUDA device that PyTorch would compute on, all there are; None where it would use the CPU.
    """

    memory: int
    card: int | None = None


def this_machine() -> Machine:
    """The memory of this machine, within the limits of the container."""
    return Machine(machine_memory(), card_memory())


def machine_memory() -> int:
    """Bytes that this process may use, whatever else runs now."""
    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _limits())])


def free_machine_memory() -> int:
    """Bytes that are free now, or can be made so."""
    free = [max(0, limit - used) for limit, used in _limits()]
    return min([int(psutil.virtual_memory().available), *free])


def _limits() -> list[tuple[int, int]]:
    """(limit, used) in bytes of every limit on this process."""
    return cgroup_limits() + address_space_limit()


def address_space_limit() -> list[tuple[int, int]]:
    """(limit, used) in bytes of this process's address space; empty without a limit.

    `ulimit -v` sets it, as job schedulers do.
    """
    if not psutil.LINUX:
        return []
    process = psutil.Process()
    limit, _ = process.rlimit(psutil.RLIMIT_AS)
    return [] if limit == psutil.RLIM_INFINITY else [(limit, process.memory_info().vms)]


def cgroup_limits(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> list[tuple[int, int]]:
    """(limit, used) in bytes of each control group of this process that has a limit; empty where there are no groups.

    `used` leaves out the file cache that the kernel would give back. Version 2 (memory.max) and version 1
    (memory/memory.limit_in_bytes) are read.

    Args:
        cgroups: where control groups are mounted.
        own: the file that names those of this process.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            groups, limit_file, used_file = cgroups, "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            groups, limit_file, used_file = cgroups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        for folder in _with_parents(groups, path):
            limit = _number(folder / limit_file)
            if limit is not None:
                cache = _inactive_file(folder / "memory.stat")
                found.append((limit, max(0, (_number(folder / used_file) or 0) - cache)))
    return found


def _with_parents(groups: Path, path: str) -> Iterator[Path]:
    """A group's folder and all above it, each of which limits it.

    In a container only the last may be there: the group is then the root of what it sees.
    """
    folder = groups / path.lstrip("/")
    while folder != groups:
        yield folder
        folder = folder.parent
    yield groups


def _number(path: Path) -> int | None:
    """The number in a file; None when there is no such file, or no limit in it ("max")."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _inactive_file(stat: Path) -> int:
    """Bytes of `inactive_file` in a memory.stat, of the group and those below it; 0 if it cannot be read."""
    try:
        fields = dict(line.split(" ", 1) for line in stat.read_text(encoding="utf-8").splitlines())
    except OSError:
        return 0
    return int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))
