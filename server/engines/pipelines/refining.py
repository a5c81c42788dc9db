"""The latents of one pipeline through a second: progress, pictures and checkpoints on the way, its frames checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from blender_addon.core.arrays import UInt8

from .checkpoint import ClipKeeper, ClipState, Refining
from .fitting.piece import Piece
from .memory.placement import placed
from .memory.plans import MemoryPlan
from .refiner import RefinedSoFar, Refiner
from .sampling import checked_frames, picture_due
from .watch import Watch, polled


@dataclass(frozen=True, eq=False)
class LatentsToRefine:
    """What a refiner is given.

    Attributes:
        state: of the clip; its latents are those of the first pipeline, those of finished blocks the refined ones.
        piece: the shot, all in one.
        words: the encoded prompts, as the refiner reads them.
        frames: that the first pipeline made.
        before: steps that were done before the refiner's.
    """

    state: ClipState
    piece: Piece
    words: Mapping[str, Tensor]
    frames: int
    before: int

    @property
    def refining(self) -> Refining:
        """How far the latents are refined."""
        if self.state.refining is None:
            raise ValueError("the state is not one of refining")
        return self.state.refining


def refined_frames(
    pipe: Any,
    refiner: Refiner,
    given: LatentsToRefine,
    plan: MemoryPlan,
    device: torch.device,
    watch: Watch,
    keeper: ClipKeeper,
) -> UInt8:
    """The frames of the piece, [F, H, W, 3] uint8 of the network's size, those that pad it too.

    Args:
        pipe: of the refiner, on the CPU.
        refiner: of the engine.
        given: what it refines.
        plan: how the pipeline is run.
        device: that it runs on.
        watch: is told of the steps.
        keeper: saves the state after each block.

    Raises:
        EngineError: the network returned other frames, or no numbers; what `watch` and the keeper raise passes through,
            and the device's error when memory runs out.
    """
    latents = given.state.latents
    if latents is None:
        raise ValueError("there are no latents to refine")
    blocks = refiner.blocks(given.frames)

    def on_step(done: int) -> None:
        watch.step(given.before + done, None, "Refining")

    def on_block(so_far: RefinedSoFar) -> None:
        picture = refiner.picture(pipe, so_far) if picture_due(so_far.blocks, blocks) else None
        watch.step(given.before + refiner.steps * so_far.blocks, picture, "Refining")
        if so_far.blocks < blocks:
            refining = replace(given.refining, plan=plan.name, blocks=so_far.blocks)
            keeper.keep(replace(given.state, latents=so_far.latents, refining=refining))
        else:
            watch.stage("Decoding")

    with placed(pipe, plan, device):
        try:
            with polled(pipe, watch):
                begun = RefinedSoFar(latents, given.refining.blocks)
                refined = refiner.refined(pipe, begun, given.words, given.piece.seed, on_step, on_block)
                frames = refiner.frames(pipe, refined, given.piece)
        finally:
            pipe.maybe_free_model_hooks()
    return checked_frames(frames, given.piece)
