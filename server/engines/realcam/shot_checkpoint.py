"""How far a shot has come as bytes: safetensors, so that a file can hold numbers and nothing that runs."""

from __future__ import annotations

import hashlib
import logging
from importlib import metadata
from typing import cast

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from blender_addon.core.shot import Shot
from blender_addon.core.shot_file import encode_shot
from server.diffusion.sampler import Branch, SamplerState
from server.engines.engine import Checkpoints
from server.realcam.model import RealCamModel
from server.realcam.shot_sampler import ShotState

log = logging.getLogger("realcam.engine")

PACKAGES = ("torch", "diffusers", "transformers", "numpy", "scipy", "pillow")
"""Whose versions the numbers depend on."""


def clip_digest(shot: Shot, model: RealCamModel, version: str, plan: str) -> bytes:
    """32 bytes of all that a clip depends on to the last bit: shot and settings, weights, code, machine.

    version: the engine's own. plan: how memory is saved, which changes the order of sums.
    """
    machine = {
        "engine": version,
        "model": model.config.name,
        "plan": plan,
        "weights": model.weights_hash,
        "dtype": str(model.dtype),
        "device": torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else "cpu",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    return hashlib.sha256(msgspec.json.encode(machine, order="sorted") + encode_shot(shot)).digest()


def encode_state(state: ShotState, digest: bytes) -> bytes:
    """The state as the bytes of a safetensors file."""
    tensors = {"digest": torch.frombuffer(bytearray(digest), dtype=torch.uint8), "begun": state.begun}
    tensors |= {f"frames.{n}": torch.from_numpy(frames) for n, frames in enumerate(state.frames)}
    if state.latents is not None:
        tensors["latents"] = state.latents
    if state.steps is not None and state.drawn is not None:
        tensors |= {"done": torch.tensor(state.steps.done), "latent": state.steps.latent, "drawn": state.drawn}
        tensors |= {f"difference.{branch}": kept for branch, kept in state.steps.differences.items()}
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def decode_state(data: bytes, digest: bytes, device: torch.device) -> ShotState | None:
    """The state in a checkpoint, its latents on `device`; None when it is of another shot, or of another machine."""
    try:
        tensors = load(data)
    except SafetensorError as error:
        log.warning("a checkpoint cannot be read, the shot starts anew: %s", error)
        return None
    if tensors["digest"].numpy().tobytes() != digest:
        log.info("a checkpoint was made by something else, the shot starts anew")
        return None
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
        drawn=tensors.get("drawn"),
    )


class ShotKeeper:
    """Keeps the state of one shot, whenever it is due; between two steps too, so that a stop need not wait for one."""

    def __init__(self, checkpoints: Checkpoints, digest: bytes) -> None:
        self._checkpoints, self._digest = checkpoints, digest
        self._state: ShotState | None = None

    def last(self, device: torch.device) -> ShotState | None:
        """Where an earlier attempt at the same clip stood."""
        data = self._checkpoints.load()
        return None if data is None else decode_state(data, self._digest, device)

    def on_state(self, state: ShotState) -> None:
        """Raises what Checkpoints.save raises."""
        self._state = state
        self.on_work()

    def on_work(self) -> None:
        """Raises what Checkpoints.save raises."""
        if self._state is not None and self._checkpoints.due():
            self._checkpoints.save(encode_state(self._state, self._digest))


class NoCheckpoints:
    """Checkpoints of a shot that nobody goes on with."""

    def load(self) -> bytes | None:
        return None

    def due(self) -> bool:
        return False

    def save(self, data: bytes) -> None:
        """Never asked for: nothing is ever due."""
