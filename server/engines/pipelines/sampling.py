"""One segment through a pipeline's call: progress, pictures, checkpoints and cancel on the way, its frames checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import Float32, UInt8
from server.model.errors import no_numbers

from .adapter import Adapter, FlowScheduler
from .checkpoint import ClipKeeper, ClipState
from .fitting.clip_rule import wrong_frames
from .fitting.piece import Piece
from .watch import Watch, polled

PICTURES = 5
"""Pictures of the clip while a segment is sampled. Each decodes one latent, and may move networks to the card."""


@dataclass(frozen=True, eq=False)
class Resumed:
    """Where a segment begins, and what keeps its states.

    Attributes:
        state: of the clip.
        keeper: saves states.
        before: steps of the segments before this one.
    """

    state: ClipState
    keeper: ClipKeeper
    before: int


def sampled(
    pipe: Any, adapter: Adapter, piece: Piece, words: Mapping[str, Tensor], watch: Watch, resumed: Resumed
) -> UInt8:
    """The frames of a segment, [F, H, W, 3] uint8 of the network's size, those that pad it too.

    Args:
        pipe: diffusers', without its text encoder.
        adapter: the engine's.
        piece: the segment.
        words: the encoded prompts, as arguments of the call.
        watch: is told of the steps.
        resumed: where it begins.

    Raises:
        EngineError: the network returned other frames; what `watch` and the keeper raise passes through.
    """
    return checked_frames(frames_of(_called(pipe, adapter, piece, words, watch, resumed, "np")[0]), piece)


def sampled_latents(
    pipe: Any, adapter: Adapter, piece: Piece, words: Mapping[str, Tensor], watch: Watch, resumed: Resumed
) -> Tensor:
    """The latents [1, C, L, h, w] of a segment, on the CPU: see `sampled`."""
    latents: Tensor = _called(pipe, adapter, piece, words, watch, resumed, "latent")
    return latents.cpu()


def checked_frames(frames: UInt8, piece: Piece) -> UInt8:
    """The frames, as many and as large as the piece's.

    Raises:
        EngineError: they are not.
    """
    camera = piece.shot.trajectory
    if frames.shape != (len(camera), camera.height, camera.width, 3):
        raise wrong_frames(frames, len(camera), (camera.width, camera.height))
    return frames


def _called(
    pipe: Any,
    adapter: Adapter,
    piece: Piece,
    words: Mapping[str, Tensor],
    watch: Watch,
    resumed: Resumed,
    output_type: str,
) -> Any:
    """What the pipeline's call returns: `frames` of its output."""
    watch.stage("Encoding the shot")

    def on_step(_pipe: Any, _index: int, _timestep: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        scheduler: FlowScheduler = pipe.scheduler
        done, latents = scheduler.state.done, tensors["latents"]
        picture = _picture(pipe, adapter, scheduler) if picture_due(done, adapter.steps) else None
        watch.step(resumed.before + done, picture)
        if done < adapter.steps:
            resumed.keeper.keep(replace(resumed.state, latents=latents, solver=scheduler.state))
        elif output_type != "latent":
            watch.stage("Decoding")
        return {}

    try:
        with polled(pipe, watch):
            scheduler = adapter.scheduler(pipe, piece)
            scheduler.start = resumed.state.solver
            pipe.scheduler = scheduler
            output = pipe(
                **words,
                **adapter.arguments(pipe, piece),
                num_inference_steps=adapter.steps,
                generator=torch.Generator().manual_seed(piece.seed),
                latents=resumed.state.latents,
                output_type=output_type,
                callback_on_step_end=on_step,
                callback_on_step_end_tensor_inputs=["latents"],
            )
    finally:
        pipe.maybe_free_model_hooks()
    return output.frames


def frames_of(values: Float32) -> UInt8:
    """A pipeline's frames as uint8, one after the other: all at once would take twice their memory again.

    Args:
        values: [F, H, W, 3] float32 in 0..1.

    Raises:
        EngineError: a frame is not made of numbers, which would become black without a word.
    """
    frames = np.empty(values.shape, np.uint8)
    for index, frame in enumerate(values):
        if not np.isfinite(frame).all():
            raise no_numbers(index, len(values))
        frames[index] = np.rint(frame * 255).clip(0, 255)
    return frames


def picture_due(done: int, steps: int) -> bool:
    """Whether a picture is made after this step."""
    return done == steps or done * PICTURES // steps > (done - 1) * PICTURES // steps


def _picture(pipe: Any, adapter: Adapter, scheduler: FlowScheduler) -> UInt8 | None:
    """A frame of the clip as the network sees it now."""
    if scheduler.clean is None:
        return None
    with torch.no_grad():
        return adapter.picture(pipe, scheduler.clean)
