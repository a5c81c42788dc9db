"""The least memory a shot takes: a machine too small for every variant says so before one is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .card_memory import card_memory
from .machine_memory import machine_memory

GB = 2**30

USABLE = 0.9
"""Of a device's memory: the rest is the system's and other programs'. Of all of it, not of what is free just now: the
same machine makes the same clip."""


@dataclass(frozen=True)
class MinimumMemory:
    """GB for 16 frames in half precision, as memory_plan.py works them out, which takes PyTorch.

    whole: on a device that holds everything, be it the CPU. by_layer: on a card to which the weights come layer by
    layer, and `weights`: what those take of the machine's memory.
    """

    whole: float
    by_layer: float
    weights: float = 4.61


LEAST = {
    "realcam-256": MinimumMemory(whole=6.74, by_layer=1.22),
    "realcam-512": MinimumMemory(whole=7.44, by_layer=1.92),
    "realcam-1024": MinimumMemory(whole=10.49, by_layer=4.97),
}


@dataclass(frozen=True)
class Machine:
    """Bytes that this process may use of the machine's memory, and all there are on the CUDA device that PyTorch would
    compute on, None where it would on the CPU."""

    memory: int
    card: int | None = None


def this_machine() -> Machine:
    """As it is, within the limits of the container."""
    return Machine(machine_memory(), card_memory())


def shortage(machine: Machine, variants: Iterable[str]) -> str:
    """A sentence when the machine can hold none of the variants in any memory plan, else ""."""
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
