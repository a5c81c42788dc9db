"""Plans that trade time or sharpness for memory, and the one that fits. Pure: bytes in, a plan and words out.

What a plan needs is calculated, see sizes.py. The text encoder runs before all of this and is gone by then: it counts
alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from blender_addon.core.errors import EngineError
from server.engines.machine_memory import GB, USABLE, Machine

from .sizes import LONG_TILES, OUTPUT, SHORT_TILES, FrameTiles, PipelineSizes

MARGIN = 1.15
"""Factor for fragmentation, and for what libraries take in proportion."""
LIBRARIES = 0.7 * GB
"""Bytes on a card before any tensor: CUDA's context, cuBLAS, cuDNN. A guess."""
GROUPS = 3
"""Blocks on the card at once when they are sent there one after the other: the one that runs, the next, and the last,
whose memory is not given back yet.
"""


@dataclass(frozen=True)
class MemoryPlan:
    """A way to run a pipeline.

    Attributes:
        name: of the plan, also in checkpoints and in a clip's metadata.
        placement: "whole" (everything on the device), "model" (the network, then the VAE) or "group" (blocks of the
            network one after the other, in every step).
        tiled: encode and decode in overlapping tiles, which can be seen faintly where they meet.
    """

    name: str
    placement: str
    tiled: bool = False

    @property
    def least(self) -> bool:
        """Whether it is the plan of least memory: a VAE that decodes many frames at once does so in 16 bits."""
        return self.tiled and self.placement == "group"

    @property
    def frame_tiles(self) -> FrameTiles:
        """The frames at a time of such a VAE."""
        return SHORT_TILES if self.least else LONG_TILES

    @property
    def words(self) -> str:
        """What it means, for people."""
        placed = {
            "whole": "everything on the card",
            "model": "network and VAE on the card in turn",
            "group": "the network's blocks sent to the card one after the other, slower",
        }[self.placement]
        return f"{placed}{', decoded in tiles' if self.tiled else ''}"


WHOLE = MemoryPlan("whole", "whole")
MODEL = MemoryPlan("model", "model")
GROUP = MemoryPlan("group", "group")
MODEL_TILED = MemoryPlan("model-tiled", "model", tiled=True)
GROUP_TILED = MemoryPlan("group-tiled", "group", tiled=True)
WHOLE_TILED = MemoryPlan("whole-tiled", "whole", tiled=True)

ON_A_CARD = (WHOLE, MODEL, GROUP, WHOLE_TILED, MODEL_TILED, GROUP_TILED)
"""The plans for a card in the order that they are preferred: exact before tiled, fast before slow."""
ON_THE_CPU = (WHOLE, WHOLE_TILED)
PLANS = {plan.name: plan for plan in ON_A_CARD}
"""The plans by name."""


@dataclass(frozen=True)
class Demand:
    """What is made at once.

    Attributes:
        width: pixels, as the network makes them.
        height: pixels.
        frames: of a segment.
    """

    width: int
    height: int
    frames: int

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.width} x {self.height}, {self.frames} frames"


@dataclass(frozen=True)
class Need:
    """Bytes that a plan needs on the device, and of the machine's memory beside it; on a CPU all is the machine's."""

    device: float
    machine: float


@dataclass(frozen=True)
class ChosenPlan:
    """The plan for a clip.

    Attributes:
        plan: the plan.
        encoder_on_card: whether the text encoder fits on the card when it runs alone; else it runs on the processor.
        words: what was chosen and why, to be said before the first step.
    """

    plan: MemoryPlan
    encoder_on_card: bool
    words: str


def needed(sizes: PipelineSizes, demand: Demand, plan: MemoryPlan, on_card: bool = True) -> Need:
    """What a plan needs, calculated.

    Args:
        sizes: of the pipeline.
        demand: what is made at once.
        plan: how it is run.
        on_card: whether on a card; else on the processor.
    """
    network, vae = 2 * sizes.transformer, _vae_bytes(sizes, plan) * sizes.vae
    tokens = sizes.tokens(demand.width, demand.height, demand.frames)
    forward = 2 * sizes.alive * sizes.branches * tokens * sizes.width + sizes.kept(demand.width, demand.height)
    decode = _decoding(sizes, demand, plan)
    encoder = 2 * sizes.encoder
    if not on_card:
        # In float32 where the processor has no bfloat16: twice as much of the network.
        return Need(0.0, MARGIN * max(encoder, 2 * network + vae + max(forward, decode)))
    if plan.placement == "whole":
        device = network + vae + max(forward, decode)
    elif plan.placement == "model":
        device = max(network + forward, vae + decode)
    else:
        device = GROUPS * network / sizes.blocks + vae + max(forward, decode)
    # What the VAE is in float32 stays there beside its copy in 16 bits.
    in_32_bits = sizes.vae_bytes * sizes.vae if _vae_bytes(sizes, plan) < sizes.vae_bytes else 0.0
    kept = 0.0 if plan.placement == "whole" else network + vae + in_32_bits
    return Need(MARGIN * device + LIBRARIES, MARGIN * max(kept, encoder))


def _vae_bytes(sizes: PipelineSizes, plan: MemoryPlan) -> int:
    """Bytes of a value of the VAE, as the plan runs it."""
    return 2 if plan.least and sizes.vae_framewise else sizes.vae_bytes


def _decoding(sizes: PipelineSizes, demand: Demand, plan: MemoryPlan) -> float:
    """Bytes alive at the peak of decoding, beside the VAE's weights."""
    pixels = demand.width * demand.height
    # A clip smaller than a tile is decoded as it is.
    as_it_is = pixels * (sizes.vae_alive + sizes.vae_alive_frames * demand.frames)
    if not (plan.tiled or sizes.vae_framewise):
        return as_it_is
    in_a_tile, kept = sizes.vae_alive, float(OUTPUT)
    if sizes.vae_framewise:
        tiles, value = plan.frame_tiles, _vae_bytes(sizes, plan)
        in_a_tile += value / sizes.vae_bytes * sizes.vae_alive_frames * tiles.alive(sizes.latent_frames)
        kept = max(kept, 3 * value * tiles.kept)
    at_once = min(pixels, sizes.vae_tile) if plan.tiled else pixels
    return min(as_it_is, at_once * in_a_tile + kept * pixels * demand.frames)


def encoder_bytes(sizes: PipelineSizes) -> float:
    """Bytes that the text encoder takes where it runs alone, calculated."""
    return MARGIN * 2 * sizes.encoder


def choose_plan(sizes: PipelineSizes, demand: Demand, machine: Machine, wish: str = "auto") -> ChosenPlan:
    """The plan to run a clip with.

    Chosen from all the memory there is, not from what is free just now: the same machine makes the same clip.

    Args:
        sizes: of the pipeline.
        demand: what is made at once.
        machine: the memory there is, the card's too.
        wish: "auto", or a plan's name, which is then taken whatever it needs, see `wished_plan`.

    Raises:
        EngineError: no plan fits, with what would.
    """
    on_card = machine.card is not None
    known = known_plans(on_card)
    encoder_on_card = machine.card is not None and _fits(encoder_bytes(sizes) + LIBRARIES, machine.card)
    if wish != "auto":
        plan = wished_plan(wish, on_card)
        return ChosenPlan(plan, encoder_on_card, _said(sizes, demand, plan, machine))
    for plan in known:
        if not shortage(sizes, demand, machine, plan):
            return ChosenPlan(plan, encoder_on_card, _said(sizes, demand, plan, machine))
    raise EngineError(
        f"{sizes.title} cannot make this clip on this machine",
        f"{demand.words}: {shortage(sizes, demand, machine)}",
        f"{what_would_fit(sizes, demand, machine)} A smaller clip is a choice of size and length in the shot.",
    )


def wished_plan(name: str, on_card: bool) -> MemoryPlan:
    """The plan of this name; on the processor, which has nothing to move weights to, what of it is left: its tiles.

    Args:
        name: of the plan.
        on_card: whether on a card; else on the processor.
    """
    plan = PLANS[name]
    return plan if on_card else WHOLE_TILED if plan.tiled else WHOLE


def fall_backs(sizes: PipelineSizes, demand: Demand, plan: MemoryPlan, on_card: bool) -> tuple[MemoryPlan, ...]:
    """The plans to try after one whose memory ran out, each with less than the one before it.

    Args:
        sizes: of the pipeline.
        demand: what is made at once.
        plan: the one that ran out.
        on_card: whether on a card; else on the processor.
    """
    if not on_card:
        return () if plan.tiled else (WHOLE_TILED,)
    found = [plan]
    for other in ON_A_CARD:
        if needed(sizes, demand, other).device < needed(sizes, demand, found[-1]).device:
            found.append(other)
    return tuple(found[1:])


def shortage(sizes: PipelineSizes, demand: Demand, machine: Machine, plan: MemoryPlan | None = None) -> str:
    """A clause that says what the machine lacks for a plan, "" when it lacks nothing.

    Args:
        sizes: of the pipeline.
        demand: what is made at once.
        machine: the memory there is.
        plan: how it is run; None for any, of which what is said is of the one that needs least of the card.
    """
    on_card = machine.card is not None
    if plan is None:
        said = [
            (needed(sizes, demand, each, on_card), shortage(sizes, demand, machine, each))
            for each in known_plans(on_card)
        ]
        return "" if any(not lack for _, lack in said) else min(said, key=lambda told: told[0].device)[1]
    need = needed(sizes, demand, plan, on_card)
    if machine.card is not None and not _fits(need.device, machine.card):
        return (
            f"it needs {_gb(need.device)} of the card's memory (calculated), of {_gb(machine.card)} "
            f"{_gb(USABLE * machine.card)} may be used"
        )
    if not _fits(need.machine, machine.memory):
        beside = " beside the card's" if on_card else ""
        return (
            f"it needs {_gb(need.machine)} of memory{beside} (calculated), of {_gb(machine.memory)} "
            f"{_gb(USABLE * machine.memory)} may be used"
        )
    return ""


def what_would_fit(sizes: PipelineSizes, demand: Demand, machine: Machine) -> str:
    """A sentence with the largest clip that fits: as many frames, else as few as 17 of them."""
    for frames in _counts(demand.frames):
        for width, height in _smaller(demand, sizes.cell):
            smaller = Demand(width, height, frames)
            if not shortage(sizes, smaller, machine):
                return f"{smaller.words} would fit."
    least = Demand(*_smaller(demand, sizes.cell)[-1], _counts(demand.frames)[-1])
    return f"Nothing would fit, not even {least.words}: {shortage(sizes, least, machine)}."


def _smaller(demand: Demand, cell: int) -> list[tuple[int, int]]:
    """Sizes of about the same shape, from the one that was asked for down to a quarter of its sides."""
    found = []
    for share in (1.0, 0.8, 0.65, 0.5, 0.35, 0.25):
        sides = tuple(max(1, round(side * share / cell)) * cell for side in (demand.width, demand.height))
        found.append((sides[0], sides[1]))
    return found


def _counts(frames: int) -> list[int]:
    return list(dict.fromkeys((frames, *(count for count in (81, 49, 33, 17) if count < frames))))


def _said(sizes: PipelineSizes, demand: Demand, plan: MemoryPlan, machine: Machine) -> str:
    if machine.card is None:
        need = needed(sizes, demand, plan, on_card=False)
        tiles = ", decoded in tiles" if plan.tiled else ""
        return f"on the processor{tiles}: {need.machine / GB:.1f} of {_gb(machine.memory)} of memory, calculated"
    need = needed(sizes, demand, plan)
    return f"{plan.words}: {need.device / GB:.1f} of {_gb(machine.card)} of the card's memory, calculated"


def fitting(sizes: PipelineSizes, demands: Iterable[Demand], machine: Machine) -> tuple[Demand, ...]:
    """Those of the clips that fit in some plan."""
    return tuple(demand for demand in demands if not shortage(sizes, demand, machine))


def known_plans(on_card: bool) -> tuple[MemoryPlan, ...]:
    """The plans for a card or for the processor, in the order that they are preferred."""
    return ON_A_CARD if on_card else ON_THE_CPU


def _fits(need: float, total: int) -> bool:
    return need <= USABLE * total


def _gb(count: float) -> str:
    return f"{count / GB:.1f} GB"
