"""The most memory that this process had at once, on each system."""

from __future__ import annotations

import sys

import psutil

KIB = 1024


def peak_memory() -> int:
    """The most memory this process had so far, bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    # Windows lacks it.
    import resource

    return resident_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def resident_bytes(ru_maxrss: int, platform: str = sys.platform) -> int:
    """Bytes of a process's `ru_maxrss`, which macOS counts in bytes and other systems in KiB.

    Args:
        ru_maxrss: as the system told it.
        platform: `sys.platform` of that system.
    """
    return ru_maxrss if platform == "darwin" else ru_maxrss * KIB
