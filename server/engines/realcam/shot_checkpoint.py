"""How far a shot has come as bytes: safetensors, so that a file can hold numbers and nothing that runs."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from importlib import metadata
from typing import cast

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from blender_addon.core.payloads.shot import Shot
from blender_addon.core.payloads.shot_file import encode_shot
from server.diffusion.sampler import Branch, SamplerState
from server.engines.engine import Checkpoints
from server.model.config import ModelConfig
from server.model.sampling.shot_sampler import ShotState

log = logging.getLogger("realcam.engine")

PACKAGES = ("torch", "diffusers", "transformers", "numpy", "scipy", "pillow")
"""Whose versions the numbers depend on."""


def clip_digest(
    shot: Shot, config: ModelConfig, weights_hash: str, dtype: torch.dtype, device: torch.device, code: str
) -> bytes:
    """32 bytes of all but the memory plan that a clip depends on to the last bit: shot, settings, weights, machine.

    code: which version of it samples.
    """
    machine = {
        "code": code,
        "model": config.name,
        "weights": weights_hash,
        "dtype": str(dtype),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    return hashlib.sha256(msgspec.json.encode(machine, order="sorted") + encode_shot(shot)).digest()


@dataclass(frozen=True, eq=False)
class ShotCheckpoint:
    """How far a shot came, and the memory plan (its name) that it was made with: another plan rounds otherwise."""

    plan: str
    state: ShotState


def encode_checkpoint(kept: ShotCheckpoint, digest: bytes) -> bytes:
    """The bytes of a safetensors file."""
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
    """What a checkpoint holds, its latents on `device`; None when it is of another shot, or of another machine."""
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
    """Raises KeyError or ValueError on another layout."""
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
    """Keeps the state of one shot, whenever it is due; between two steps too, so that a stop need not wait for one."""

    def __init__(self, checkpoints: Checkpoints, digest: bytes, device: torch.device) -> None:
        self._checkpoints, self._digest = checkpoints, digest
        data = checkpoints.load()
        self._kept = None if data is None else decode_checkpoint(data, digest, device)
        self._plan = self.kept_plan
        self._state: ShotState | None = None
        self._at_once = False

    @property
    def kept_plan(self) -> str | None:
        """The plan of an earlier attempt at the same clip: only with it can the clip be gone on with."""
        return None if self._kept is None else self._kept.plan

    def begin(self, plan: str) -> ShotState | None:
        """Where an earlier attempt with this plan stood.

        What a plan left that ran out of memory is replaced with the first state of this one, not when it is due: no
        later attempt is to run out with it again.
        """
        self._at_once = self._plan not in (None, plan)
        self._plan, self._state = plan, None
        return self._kept.state if self._kept is not None and self._kept.plan == plan else None

    def on_state(self, state: ShotState) -> None:
        """Raises what Checkpoints.save raises."""
        self._state = state
        self.on_work()

    def on_work(self) -> None:
        """Raises what Checkpoints.save raises."""
        if self._state is None or self._plan is None or not (self._at_once or self._checkpoints.due()):
            return
        self._at_once = False
        self._checkpoints.save(encode_checkpoint(ShotCheckpoint(self._plan, self._state), self._digest))


class NoCheckpoints:
    """Checkpoints of a shot that nobody goes on with."""

    def load(self) -> bytes | None:
        return None

    def due(self) -> bool:
        return False

    def save(self, data: bytes) -> None:
        """Never asked for: nothing is ever due."""
