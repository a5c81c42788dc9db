"""A limit on the memory of this process, so that what does not fit ends in an error and not in a stopped machine."""

from __future__ import annotations

import sys


def limit_memory(gib: float, device: str = "cpu") -> None:
    """Let allocations beyond a limit fail.

    Args:
        gib: the limit; 0 for none.
        device: "cuda" limits the card's memory. The machine's is limited where the system can: not on Windows.
    """
    if gib <= 0.0:
        return
    if device == "cuda":
        import torch

        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, gib * 2**30 / total))
    elif sys.platform != "win32":
        import resource

        # Not of the address space, which PyTorch reserves far more of than it uses.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (int(gib * 2**30), hard))
