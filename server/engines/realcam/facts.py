"""What an artist should know of the engine before choosing it. Needs no torch."""

from __future__ import annotations

from blender_addon.core.protocol.engine_facts import (
    CAMERA,
    LENS,
    NOT_CLEAR,
    PHOTO,
    PREVIEW,
    EngineFacts,
    MemoryNeed,
    PartLicence,
)
from server.engines.machine_memory import GB, USABLE, Machine, this_machine
from server.model.config import REALCAM_512
from server.model.weights.own_networks import OwnNetwork
from server.model.weights.weights_store import Manifest

from .memory.minimum_memory import LEAST, shortage
from .sources import GET_WEIGHTS, InstalledWeights, ModelSource

READS = (PHOTO, PREVIEW, CAMERA, LENS)
PUBLISHED_LICENCE = PartLicence(
    part="Published weights",
    licence="see the model cards of RealCam-I2V and DynamiCrafter",
    commercial=NOT_CLEAR,
    why="both were published for research",
)


def engine_facts(source: ModelSource) -> EngineFacts:
    """The facts of the engine with models from `source`; random weights need no more than any machine has."""
    if not isinstance(source, InstalledWeights):
        return EngineFacts(reads=READS)
    published, own = _published(source), _own(source)
    here = bool(published or own)
    return EngineFacts(
        reads=READS,
        licences=(*([PUBLISHED_LICENCE] if published or not own else []), *map(_licence, source.own())),
        weights_bytes=sum(manifest.bytes for manifest in published),
        weights_here=here,
        get_weights="" if here else GET_WEIGHTS,
        memory=_need(this_machine(), _variants(source)),
    )


def card_memory(source: ModelSource) -> int:
    """Bytes that a card must have in all for the smallest clip of these models; 0 where any card will do."""
    if not isinstance(source, InstalledWeights):
        return 0
    return round(min(LEAST[name].by_layer for name in _variants(source)) * GB / USABLE)


def card_memory_of_several(source: ModelSource) -> int:
    """Bytes that each of several cards must have in all to compute branches of guidance at once: the network lies on
    every one of them, whole.
    """
    if not isinstance(source, InstalledWeights):
        return 0
    return round(min(LEAST[name].whole for name in _variants(source)) * GB / USABLE)


def _published(source: InstalledWeights) -> list[Manifest]:
    """The published networks that are installed."""
    manifests = [source.store.manifest(name) for name in dict.fromkeys(source.config(s).name for s in source.sizes())]
    return [manifest for manifest in manifests if manifest is not None]


def _own(source: InstalledWeights) -> list[OwnNetwork]:
    """Networks of one's own. Those for tests make no pictures: they are named, and count for nothing else."""
    return [network for network in source.own() if not network.caution]


def _variants(source: InstalledWeights) -> set[str]:
    """The variants there are models of; the usual one where there are none."""
    found = {*(m.variant for m in _published(source)), *(network.facts.variant for network in _own(source))}
    return found or {REALCAM_512.name}


def _licence(network: OwnNetwork) -> PartLicence:
    part = f"{network.name}, {network.caution or 'your own'}"
    return PartLicence(part=part, licence=network.facts.licence, commercial=NOT_CLEAR, why="its licence says")


def _need(machine: Machine, variants: set[str]) -> MemoryNeed:
    """The memory of the variant that needs least, on what the machine would compute on."""
    on_card = machine.card is not None
    least = min(LEAST[name].by_layer if on_card else LEAST[name].whole for name in variants)
    return MemoryNeed(
        on_card=on_card,
        least=round(least * GB),
        there=machine.memory if machine.card is None else machine.card,
        enough=not shortage(machine, variants),
    )
