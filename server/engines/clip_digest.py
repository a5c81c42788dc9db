"""A digest of all that a clip depends on: only a checkpoint with the same one is gone on from."""

from __future__ import annotations

import hashlib
from importlib import metadata

import msgspec
import torch

from blender_addon.core.payloads.shot import Shot
from blender_addon.core.payloads.shot_file import encode_shot

PACKAGES = ("torch", "diffusers", "transformers", "numpy", "scipy", "pillow")
"""Packages whose versions the numbers depend on."""


def clip_digest(
    shot: Shot, model: str, weights_hash: str, dtype: torch.dtype, device: torch.device, code: str, cards: int = 1
) -> bytes:
    """A digest of all that a clip depends on to the last bit but the memory plan: shot, settings, weights, machine.

    Args:
        shot: with its settings.
        model: which network it is.
        weights_hash: of the model.
        dtype: of the weights.
        device: where it is sampled.
        code: version of the code that samples, see `code_version`.
        cards: that the network is shared out to, which round otherwise than one.

    Returns:
        32 bytes.
    """
    machine = {
        "code": code,
        "model": model,
        "weights": weights_hash,
        "dtype": str(dtype),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    if cards > 1:
        machine["cards"] = cards
    return hashlib.sha256(msgspec.json.encode(machine, order="sorted") + encode_shot(shot)).digest()
