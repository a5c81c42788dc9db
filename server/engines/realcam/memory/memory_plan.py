"""How much memory a shot takes, worked out from the network's sizes, and the plans that take less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch

from server.engines.machine_memory import USABLE
from server.model.config import LATENT_DOWNSAMPLE, ModelConfig
from server.model.model import RESIDENT_PARTS, build_parts
from server.model.unet.flex_plan import mask_memory
from server.model.vae import CARD_FRAMES, TILE

Size = tuple[int, int]
"""(width, height), pixels."""

UNET_PEAK = 40
"""Values alive at the peak of a forward pass, for each token and channel of the finest level: measured on the CPU, 33
to 40; counted for a GPU, 34 to 36, the camera's features and masks among them.
"""

VAE_PEAK = 6.5
"""Values alive at the peak of encoding and decoding, for each pixel and channel of the finest level; counted:
5.3 to 6.5.
"""

MARGIN = 1.2
"""Factor for what libraries take beside the network, and for fragmentation."""


@dataclass(frozen=True)
class MemoryPlan:
    """A way to run the network that trades time or quality for memory.

    Attributes:
        name: of the plan, also in checkpoints.
        batched: run both guidance branches at once.
        tiled: decode a frame at a time, in tiles where it is large, which is lossy at their seams.
        offloaded: weights stay in the machine's memory, each layer's come to the GPU when it runs.
        cards: on which branches of guidance are computed at once, each with the network on it.
    """

    name: str
    batched: bool = False
    tiled: bool = False
    offloaded: bool = False
    cards: int = 1

    @property
    def kept_as(self) -> str:
        """Its name in checkpoints: that of a plan which rounds as it does, so that either goes on from the other's."""
        return "plain" if self.cards > 1 else self.name


TWO_CARDS = MemoryPlan("two-cards", cards=2)
FAST = MemoryPlan("fast", batched=True)
PLAIN = MemoryPlan("plain")
SMALL = MemoryPlan("small", tiled=True, offloaded=True)


PLANS = (TWO_CARDS, FAST, PLAIN, SMALL)
"""The plans, fastest first."""


def kept_plan(kept_as: str, device: str, cards: int) -> MemoryPlan:
    """The fastest plan that goes on from a checkpoint.

    Args:
        kept_as: of the plan that the checkpoint was made with.
        device: "cuda" or "cpu".
        cards: how many there are for the shot.
    """
    return next(plan for plan in (*_known(device, cards), *PLANS) if plan.kept_as == kept_as)


def first_plan(preference: str, device: str, needed: dict[MemoryPlan, int], total: int, cards: int = 1) -> MemoryPlan:
    """The plan to begin with.

    Args:
        preference: "auto" (the fastest that fits, else the one that needs least), "fast" or "small".
        device: "cuda" or "cpu".
        needed: bytes that each plan needs.
        total: bytes that the device has, each of them where there are several.
        cards: how many there are for the shot.
    """
    known = _known(device, cards)
    if preference == "fast":
        return known[0]
    if preference == "small":
        return SMALL
    least = min(known, key=needed.__getitem__)
    return next((plan for plan in known if needed[plan] <= USABLE * total), least)


def with_fall_backs(first: MemoryPlan, device: str, needed: dict[MemoryPlan, int]) -> tuple[MemoryPlan, ...]:
    """`first`, then what to try when memory runs out: each later plan that needs less than the one tried before.

    After several cards that is also the same on one: the others may be short of memory for other reasons.

    Args:
        first: the plan to begin with.
        device: "cuda" or "cpu".
        needed: bytes that each plan needs.
    """
    known = _known(device, first.cards)
    chosen = [first]
    for plan in known[known.index(first) + 1 :]:
        fewer_cards = plan.cards < chosen[-1].cards and needed[plan] == needed[chosen[-1]]
        if fewer_cards or needed[plan] < needed[chosen[-1]]:
            chosen.append(plan)
    return tuple(chosen)


def _known(device: str, cards: int = 1) -> tuple[MemoryPlan, ...]:
    """The plans for a device, fastest first. Batches gain nothing on the CPU."""
    on_one = (FAST, PLAIN, SMALL) if device == "cuda" else (PLAIN, SMALL)
    return (TWO_CARDS, *on_one) if cards > 1 else on_one


def needed_memory(
    config: ModelConfig, size: Size, frames: int, dtype: torch.dtype, plan: MemoryPlan, device: str
) -> int:
    """Bytes that one segment takes on the device; of several, on the first, which computes what is not shared out.

    Args:
        config: the variant.
        size: (width, height), pixels.
        frames: of the segment.
        dtype: of the weights.
        plan: how the network is run.
        device: "cuda" or "cpu".
    """
    parameters = parameter_counts(config)
    resident = RESIDENT_PARTS if plan.offloaded and device == "cuda" else parameters.keys()
    weights = sum(parameters[part] for part in resident)
    cells = size[0] * size[1] // LATENT_DOWNSAMPLE**2
    forward = UNET_PEAK * frames * cells * config.unet.channels * (2 if plan.batched else 1)
    pixels = min(size[0], TILE) * min(size[1], TILE) if plan.tiled else size[0] * size[1]
    at_once = min(frames, CARD_FRAMES) if device == "cuda" and not plan.tiled else 1
    decode = VAE_PEAK * pixels * config.vae.channels * at_once
    masks = camera_masks(config, size, frames) if device == "cuda" else 0
    return int(MARGIN * (dtype.itemsize * weights + max(dtype.itemsize * max(forward, decode), masks)))


def camera_masks(config: ModelConfig, size: Size, frames: int) -> int:
    """Bytes on a GPU while the camera's masks are made, before the first forward pass.

    Args:
        config: the variant.
        size: (width, height), pixels.
        frames: of the segment.
    """
    finest = min(config.unet.mask_cells)
    return mask_memory(frames * (size[0] // finest) * (size[1] // finest), config.unet.register_tokens)


@cache
def parameter_counts(config: ModelConfig) -> dict[str, int]:
    """The number of parameters of each part of the model, by its name."""
    with torch.device("meta"):
        parts = build_parts(config)
    return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}


def what_would_fit(configs: Iterable[tuple[Size, ModelConfig]], frames: int, free: int, device: str) -> str:
    """A sentence that names the largest picture that fits, or what the smallest needs.

    Args:
        configs: the sizes to choose from, with their variants.
        frames: of the shot.
        free: bytes.
        device: "cuda" or "cpu".
    """
    needs = [
        (needed_memory(config, size, min(frames, config.frames), torch.bfloat16, SMALL, device), size)
        for size, config in configs
    ]
    fitting = [(size[0] * size[1], need, size) for need, size in needs if need <= free]
    if fitting:
        _, need, size = max(fitting)
        return f"{size[0]} x {size[1]} in bfloat16 would fit: with memory set to small it needs {_gigabytes(need)}."
    need, size = min(needs)
    return f"Nothing would fit: the least, {size[0]} x {size[1]} in bfloat16, needs {_gigabytes(need)}."


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
