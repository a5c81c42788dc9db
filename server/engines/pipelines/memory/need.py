"""The memory that an engine's smallest clip takes, for those who choose an engine."""

from __future__ import annotations

from collections.abc import Iterable

from blender_addon.core.protocol.engine_facts import MemoryNeed
from server.engines.machine_memory import USABLE, Machine, this_machine

from .plans import ON_A_CARD, Demand, MemoryPlan, known_plans, needed, shortage
from .sizes import SIZES

ON_THE_PROCESSOR = "There is no card that it could use here: on the processor a clip takes hours"


def too_small(name: str, smallest: Demand) -> str:
    """Why not even the smallest clip fits this machine, "" when it does.

    Args:
        name: of the weights.
        smallest: the smallest clip that the engine offers.
    """
    lacks = shortage(SIZES[name], smallest, this_machine())
    return f"{smallest.words}, its smallest clip, does not fit this machine: {lacks}" if lacks else ""


def memory_need(name: str, smallest: Demand, machine: Machine | None = None) -> MemoryNeed:
    """The memory of a clip in the plan that takes least, and what there is of that kind.

    Args:
        name: of the weights.
        smallest: the smallest clip that the engine offers.
        machine: the memory there is; None for this machine's.
    """
    sizes, machine = SIZES[name], machine or this_machine()
    on_card = machine.card is not None
    needs = [needed(sizes, smallest, plan, on_card) for plan in known_plans(on_card)]
    return MemoryNeed(
        on_card=on_card,
        least=round(min(need.device if on_card else need.machine for need in needs)),
        there=machine.memory if machine.card is None else machine.card,
        enough=not shortage(sizes, smallest, machine),
    )


def card_memory_for(name: str, smallest: Demand, plans: Iterable[MemoryPlan] = ON_A_CARD) -> int:
    """Bytes that a card must have in all for a clip in the plan that takes least of it.

    Args:
        name: of the weights.
        smallest: the smallest clip that the engine offers.
        plans: that are meant.
    """
    return round(min(needed(SIZES[name], smallest, plan).device for plan in plans) / USABLE)
