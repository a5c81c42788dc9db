"""What glibc does with the memory that a network frees.

A forward pass frees and asks for tens of megabytes hundreds of times. By default glibc gives such blocks back to the
system each time and has the kernel clear them anew: a fifth of the time of a pass on the CPU. Sampling keeps them.

A training step mixes blocks that live until the backward pass with those that do not. By default glibc takes blocks of
up to 32 MB from heaps, one for each thread, which then hold freed blocks between living ones: 17 GB instead of 8 for
a step at 256 x 256 that computes activations again. Such a training gives each large block back at once; one that
keeps its activations keeps freed memory as well, as `suit_allocator` in server/training/memory.py decides.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
"""Parameters of glibc's mallopt (malloc.h)."""

LARGE_BLOCK = 4 * 2**20
"""Bytes from which a block is given back as soon as it is freed."""


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory, for the rest of the process.

    Returns:
        False where there is no glibc, or it does not accept the settings.
    """
    return _set((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 256 * 2**20))


def give_back_large_blocks() -> bool:
    """Have glibc give every large block back to the system when it is freed, for the rest of the process.

    Returns:
        False where there is no glibc, or it does not accept the setting.
    """
    return _set((_MMAP_THRESHOLD, LARGE_BLOCK))


def trim_heap() -> None:
    """Give the memory that is free just now back to the system. Nothing happens where there is no glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)


def _set(*settings: tuple[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(parameter, value) == 1 for parameter, value in settings)
