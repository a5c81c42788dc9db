"""What an artist should know of a pipeline's engine before choosing it: licences, weights, memory. Needs no torch."""

from __future__ import annotations

from blender_addon.core.protocol.engine_facts import EngineFacts, MemoryNeed, PartLicence
from server.engines.machine_memory import Machine, this_machine
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS
from server.engines.pipelines.weights.installed import weights_absence
from server.model.weights.weights_store import WeightsStore

from .plans import Demand, known_plans, needed, shortage
from .sizes import SIZES


def pipeline_facts(
    name: str,
    reads: tuple[str, ...],
    smallest: Demand,
    extras: tuple[str, ...] = (),
    store: WeightsStore | None = None,
    machine: Machine | None = None,
) -> EngineFacts:
    """The facts of an engine on published weights.

    Args:
        name: of the weights.
        reads: what it reads of a shot, see EngineFacts.
        smallest: the smallest clip that it offers.
        extras: what is used of what one can do without: its licences are named too.
        store: where weights are kept; None for the usual.
        machine: the memory there is; None for this machine's.
    """
    published, sizes, machine = PIPELINE_WEIGHTS[name], SIZES[name], machine or this_machine()
    parts = published.wanted(extras)
    absent = weights_absence(name, extras, store)
    on_card = machine.card is not None
    needs = [needed(sizes, smallest, plan, on_card) for plan in known_plans(on_card)]
    least = min(need.device if on_card else need.machine for need in needs)
    return EngineFacts(
        reads=reads,
        licences=tuple(
            PartLicence(part=part.name, licence=part.licence, commercial=part.commercial, why=part.why)
            for part in parts
        ),
        weights_bytes=sum(part.bytes for part in parts) if all(part.bytes for part in parts) else 0,
        weights_here=not absent,
        get_weights=f"realcam weights get {name}{''.join(f' --with {extra}' for extra in extras)}" if absent else "",
        memory=MemoryNeed(
            on_card=on_card,
            least=round(least),
            there=machine.memory if machine.card is None else machine.card,
            enough=not shortage(sizes, smallest, machine),
        ),
    )
