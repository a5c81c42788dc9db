"""The least memory a shot takes, so that a machine too small for every variant says so before one is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from server.engines.machine_memory import GB, USABLE, Machine


@dataclass(frozen=True)
class MinimumMemory:
    """Memory for 16 frames in half precision, in GB, as memory_plan.py works it out.

    The numbers are kept here, since working them out needs PyTorch.

    Attributes:
        whole: on a device that holds everything, be it the CPU.
        by_layer: on a GPU to which the weights come layer by layer.
        weights: what those weights take of the machine's memory.
    """

    whole: float
    by_layer: float
    weights: float = 4.61


LEAST = {
    "realcam-256": MinimumMemory(whole=6.74, by_layer=1.22),
    "realcam-512": MinimumMemory(whole=7.44, by_layer=1.92),
    "realcam-1024": MinimumMemory(whole=10.49, by_layer=4.97),
    "nano": MinimumMemory(whole=0.03, by_layer=0.02, weights=0.01),
}
"""The least memory of each variant."""


def shortage(machine: Machine, variants: Iterable[str]) -> str:
    """A sentence when the machine can hold none of the variants in any memory plan, else "".

    Args:
        machine: the memory there is.
        variants: names of the variants, at least one.
    """
    least = min((LEAST[name] for name in variants), key=lambda needs: needs.whole)
    if machine.card is None:
        return _lack("memory", least.whole, machine.memory)
    if least.whole * GB <= USABLE * machine.card:
        return ""
    return _lack("the card's memory", least.by_layer, machine.card) or _lack(
        "memory beside so small a card", least.weights, machine.memory
    )


def _lack(of: str, need: float, total: int) -> str:
    if need * GB <= USABLE * total:
        return ""
    return (
        f"RealCam needs {need:.1f} GB of {of} for its smallest clip; the server has {total / GB:.1f} GB, "
        f"and {USABLE * total / GB:.1f} GB of that to spare"
    )
