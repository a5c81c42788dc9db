"""What an artist should know of an engine on a pipeline's weights before choosing it. Needs no torch."""

from __future__ import annotations

from blender_addon.core.protocol.engine_facts import EngineFacts, MemoryNeed, PartLicence

from .weights.catalogue import PIPELINE_WEIGHTS
from .weights.installed import installed_weights


def pipeline_facts(
    name: str, reads: tuple[str, ...], memory: MemoryNeed | None = None, beside: tuple[str, ...] = ()
) -> EngineFacts:
    """The facts of an engine whose weights are in the catalogue.

    Args:
        name: of the weights.
        reads: what the engine reads of a shot, see EngineFacts.
        memory: what it takes; None where that is not known.
        beside: names of weights that clips are made with only where an option asks for it: their licences are shown
            where they are on the server.
    """
    published, here = PIPELINE_WEIGHTS[name], installed_weights(name)
    others = (part for other in beside if installed_weights(other) for part in PIPELINE_WEIGHTS[other].parts)
    parts = (*published.parts, *others)
    sizes = [part.bytes for part in published.parts]
    return EngineFacts(
        reads=reads,
        licences=tuple(
            PartLicence(part=part.name, licence=part.licence, commercial=part.commercial, why=part.why)
            for part in parts
        ),
        weights_bytes=here.bytes if here is not None else sum(sizes) if all(sizes) else 0,
        weights_here=here is not None,
        get_weights="" if here is not None else f"realcam weights get {name}",
        memory=memory,
    )
