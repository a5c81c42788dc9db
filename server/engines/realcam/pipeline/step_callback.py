"""A `callback_on_step_end` of diffusers' form as hooks of the sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import UInt8
from blender_addon.core.errors import EngineError
from server.model.model import RealCamModel
from server.model.sampling import scene_mask
from server.model.sampling.segments import plan_segments
from server.model.sampling.shot_sampler import Hooks, SamplingOptions, ShotInputs, ShotState

TENSORS = ("latents", "clean_latents")
"""What a callback can ask for, [1, C, T, h, w] of the segment under way: noisy ones, and the clean ones predicted."""

StepCallback = Callable[[Any, int, int, dict[str, Any]], dict[str, Any] | None]
"""Called with the pipeline, the step counted from 0 over the whole shot, its timestep and the tensors asked for by
name. The latents of the dictionary that it gives back are gone on with.
"""


def no_callback(pipeline: Any, step: int, timestep: int, tensors: dict[str, Any]) -> None:
    """A callback that does nothing."""


class Interrupted(Exception):
    """A callback has set `_interrupt` on the pipeline.

    Args:
        finished: the frames of the segments before, [n, H, W, 3] uint8 each.
        clean: [1, C, T, h, w], the clean latents of the segment under way as last predicted.
    """

    def __init__(self, finished: tuple[UInt8, ...], clean: Tensor) -> None:
        super().__init__("interrupted by the callback")
        self.finished, self.clean = finished, clean


class CallbackHooks:
    """Calls the callback after each step.

    Args:
        pipeline: what the callback is given first; its `interrupt` is looked at afterwards.
        callback: see StepCallback.
        names: of the tensors that it asks for.

    Raises:
        EngineError: there is no tensor of such a name.
    """

    def __init__(self, pipeline: Any, callback: StepCallback, names: Iterable[str]) -> None:
        self._pipeline, self._callback, self._names = pipeline, callback, tuple(names)
        self._step = 0
        self._finished: tuple[UInt8, ...] = ()
        if unknown := [name for name in self._names if name not in TENSORS]:
            raise EngineError(
                f"A callback cannot ask for {', '.join(unknown)}", f"there are {', '.join(TENSORS)}", "Leave it out."
            )

    def hooks(self) -> Hooks:
        """The sampler's hooks: they raise what the callback raises, and Interrupted."""
        return Hooks(on_latents=self._on_latents, on_state=self._on_state)

    def _on_state(self, state: ShotState) -> None:
        self._finished = state.frames

    def _on_latents(self, timestep: int, latents: Tensor, clean: Tensor) -> Tensor | None:
        tensors = {"latents": latents, "clean_latents": clean}
        given = self._callback(self._pipeline, self._step, timestep, {name: tensors[name] for name in self._names})
        self._step += 1
        if self._pipeline.interrupt:
            raise Interrupted(self._finished, clean)
        changed = latents if given is None else given.get("latents", latents)
        if changed is latents:
            return None
        if not isinstance(changed, Tensor) or changed.shape != latents.shape:
            raise EngineError(
                "The callback gave back latents of another kind",
                f"expected a tensor {list(latents.shape)}, got {list(getattr(changed, 'shape', ())) or type(changed)}",
                "Change the tensor that it was given, or give back nothing.",
            )
        return changed.to(latents)


def frames_so_far(model: RealCamModel, inputs: ShotInputs, options: SamplingOptions, stopped: Interrupted) -> UInt8:
    """The frames of an interrupted shot: finished segments, and the one under way as last predicted.

    Args:
        model: the network.
        inputs: the shot.
        options: how it was sampled.
        stopped: where it stood.

    Returns:
        [n, H, W, 3] uint8.
    """
    segment = plan_segments(len(inputs.poses), model.config.frames, options.overlap)[len(stopped.finished)]
    with torch.inference_mode():
        pictures = model.vae.decode(stopped.clean[:, :, segment.known :], tiled=options.tiled)
    return np.concatenate([*stopped.finished, scene_mask.to_frames(pictures)])
