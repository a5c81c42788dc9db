"""Checkpoints of a half-made shot, as safetensors: a file can hold numbers and nothing that runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from server.diffusion.sampler import Branch, SamplerState
from server.engines.engine import Checkpoints
from server.model.sampling.shot_sampler import ShotState

log = logging.getLogger("realcam.engine")


@dataclass(frozen=True, eq=False)
class ShotCheckpoint:
    """How far a shot came.

    Attributes:
        plan: name of the memory plan that it was made with; another plan rounds differently.
        state: of the shot.
    """

    plan: str
    state: ShotState


def encode_checkpoint(kept: ShotCheckpoint, digest: bytes) -> bytes:
    """The bytes of a safetensors file that holds the checkpoint.

    Args:
        kept: the checkpoint.
        digest: of the clip, see `clip_digest`.
    """
    state = kept.state
    tensors = {"digest": _tensor(digest), "plan": _tensor(kept.plan.encode()), "begun": state.begun}
    tensors |= {f"frames.{n}": torch.from_numpy(frames) for n, frames in enumerate(state.frames)}
    if state.latents is not None:
        tensors["latents"] = state.latents
    if state.steps is not None and state.drawn is not None:
        tensors |= {"done": torch.tensor(state.steps.done), "latent": state.steps.latent, "drawn": state.drawn}
        tensors |= {f"difference.{branch}": difference for branch, difference in state.steps.differences.items()}
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def decode_checkpoint(data: bytes, digest: bytes, device: torch.device) -> ShotCheckpoint | None:
    """What a checkpoint holds.

    Args:
        data: as `encode_checkpoint` makes it.
        digest: of the clip that is being made.
        device: where its latents are put.

    Returns:
        None when it cannot be read, or is of another shot, code or machine.
    """
    try:
        tensors = load(data)
        if _bytes(tensors["digest"]) != digest:
            log.info("a checkpoint was made by something else, the shot starts anew")
            return None
        return ShotCheckpoint(_bytes(tensors["plan"]).decode(), _state(tensors, device))
    except (SafetensorError, KeyError, ValueError) as error:
        log.warning("a checkpoint cannot be read, the shot starts anew: %s", error)
        return None


def _tensor(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.numpy().tobytes()


def _state(tensors: dict[str, Tensor], device: torch.device) -> ShotState:
    """The state of a shot from a checkpoint's tensors.

    Raises:
        KeyError: a tensor is missing.
        ValueError: a name is of another layout.
    """
    frames = sorted((name for name in tensors if name.startswith("frames.")), key=lambda name: int(name[7:]))
    steps = None
    if "done" in tensors:
        differences = {
            cast("Branch", name.removeprefix("difference.")): kept.to(device)
            for name, kept in tensors.items()
            if name.startswith("difference.")
        }
        steps = SamplerState(int(tensors["done"]), tensors["latent"].to(device), differences)
    latents = tensors.get("latents")
    return ShotState(
        frames=tuple(np.asarray(tensors[name].numpy()) for name in frames),
        latents=None if latents is None else latents.to(device),
        begun=tensors["begun"],
        steps=steps,
        drawn=None if steps is None else tensors["drawn"],
    )


class CheckpointManager:
    """Saves the state of one shot whenever that is due; between two steps too, so that a stop need not wait for one.

    Args:
        checkpoints: where they are kept.
        digest: of the clip, see `clip_digest`.
        device: where the latents of an earlier attempt are put.
    """

    def __init__(self, checkpoints: Checkpoints, digest: bytes, device: torch.device) -> None:
        self._checkpoints, self._digest = checkpoints, digest
        data = checkpoints.load()
        self._kept = None if data is None else decode_checkpoint(data, digest, device)
        self._plan = self.kept_plan
        self._state: ShotState | None = None
        self._at_once = False

    @property
    def kept_plan(self) -> str | None:
        """The memory plan of an earlier attempt's checkpoint, the only one to go on with; None if there is none."""
        return None if self._kept is None else self._kept.plan

    def begin(self, plan: str) -> ShotState | None:
        """Where an earlier attempt with this memory plan stood; None to begin anew.

        If the earlier checkpoint is of another plan, which ran out of memory, the first state of this one replaces it
        at once, not when it is due: no later attempt is to run out with it again.
        """
        self._at_once = self._plan not in (None, plan)
        self._plan, self._state = plan, None
        return self._kept.state if self._kept is not None and self._kept.plan == plan else None

    def on_state(self, state: ShotState) -> None:
        """Note the state, and save it if that is due; what Checkpoints.save raises passes through."""
        self._state = state
        self.on_work()

    def on_work(self) -> None:
        """Save the latest state if that is due; what Checkpoints.save raises passes through."""
        if self._state is None or self._plan is None or not (self._at_once or self._checkpoints.due()):
            return
        self._at_once = False
        self._checkpoints.save(encode_checkpoint(ShotCheckpoint(self._plan, self._state), self._digest))


class NoCheckpoints:
    """Checkpoints of a shot that cannot be resumed: none."""

    def load(self) -> bytes | None:
        """None."""
        return None

    def due(self) -> bool:
        """False."""
        return False

    def save(self, data: bytes) -> None:
        """Never called: nothing is ever due."""
