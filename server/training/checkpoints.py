"""A training's checkpoints: each complete or not there, the newest kept, and one of another training refused."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from blender_addon.core.atomic_file import sync_file, sync_folder
from blender_addon.core.errors import RealCamError
from blender_addon.core.held_files import discard, rename_path

from .config import TrainingConfig, ValidationSettings

CAMERA, STATE, FACTS = "camera.safetensors", "state.pt", "checkpoint.json"
"""Names inside a checkpoint's folder."""


_DAMAGE = (
    *(OSError, EOFError, RuntimeError, pickle.UnpicklingError, SafetensorError),
    *(msgspec.MsgspecError, UnicodeDecodeError),
)
"""What reading a file raises that is not whole."""


class TrainingError(RealCamError):
    """A training that cannot begin or go on."""


class CheckpointFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint is of.

    Attributes:
        step: optimizer steps done.
        fingerprint: of what may not change between the parts of one training, see `fingerprint`.
        variant: of the model.
        skipped: steps left out for a loss or a gradient that is no number.
        mix: share of each form of the latents beside the noise.
        published: whether the published run's mistakes were made.
        base: digest of the base, see `base_digest`; "" where it is not known.
        accumulated: batches of each process whose gradients made a step; 0 where it is not known.
        decisive: what the fingerprint is of; empty where it is not known.
    """

    step: int
    fingerprint: str
    variant: str
    skipped: int
    mix: dict[str, float]
    published: bool
    base: str = ""
    accumulated: int = 0
    decisive: dict[str, Any] = {}


def fingerprint(config: TrainingConfig) -> str:
    """A hash of all in a configuration that decides the losses: not of its length, who decodes, how often is saved."""
    return hashlib.sha256(msgspec.json.encode(decisive(config), order="sorted")).hexdigest()[:16]


def decisive(config: TrainingConfig) -> dict[str, Any]:
    """All in a configuration that decides the losses, as plain tables."""
    # Smaller batches of the same step and recomputed activations help out of memory: they change rounding, and the
    # former the draws of the base's dropout.
    run = msgspec.structs.replace(
        config.run,
        steps=1,
        checkpoint_every=1,
        keep=1,
        batch_per_process=1,
        recompute=False,
        compile=False,
        tracker="none",
    )
    data = msgspec.structs.replace(config.data, workers=0, cache="", cache_image_tokens=False)
    kept = msgspec.structs.replace(config, out="", run=run, data=data, validation=ValidationSettings())
    table: dict[str, Any] = msgspec.to_builtins(kept)
    if data.scale == "absolute":
        del table["data"]["scale"]  # which checkpoints from before there was a choice do not have
    if config.timestep_shift == 1.0:
        del table["timestep_shift"]  # likewise
    if config.condition_frame == "random":
        del table["condition_frame"]  # likewise
    if config.correspondence == 0.0:
        del table["correspondence"]  # likewise
    return table


def save_checkpoint(
    folder: Path, facts: CheckpointFacts, camera: Mapping[str, Tensor], state: Mapping[str, Any], keep: int
) -> Path:
    """Write a checkpoint, then remove all but the newest.

    Args:
        folder: of the training's checkpoints.
        facts: of this one.
        camera: the published tensors, see `camera_tensors`.
        state: of optimizer and running mean, for torch.save.
        keep: checkpoints that stay.

    Returns:
        The checkpoint's folder.

    Raises:
        TrainingError: it cannot be written; the earlier ones are untouched.
    """
    final, part = folder / f"step-{facts.step:08d}", folder / f".step-{facts.step:08d}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        discard(part)
        part.mkdir()
        save_file({key: t.detach().float().cpu().contiguous() for key, t in camera.items()}, part / CAMERA)
        torch.save(dict(state), part / STATE)
        (part / FACTS).write_bytes(msgspec.json.encode(facts))
        for name in (CAMERA, STATE, FACTS):
            sync_file(part / name)
        sync_folder(part)
        _remove(final)
        rename_path(part, final)
        sync_folder(folder)
    except (OSError, RuntimeError, SafetensorError) as error:
        discard(part)
        raise TrainingError(
            "The checkpoint cannot be written",
            f"{final}: {not_written(error)}",
            "Make room; earlier checkpoints are untouched.",
        ) from error
    kept = complete(folder)[-keep:]
    for old in _begun(folder):
        if old not in kept:
            _remove(old)
    return final


def not_written(error: Exception) -> str:
    """Why a file was not written, in words: of a full disk PyTorch tells its place in the file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{str(error).strip().partition(chr(10))[0]} (PyTorch's words for a full disk)"


def _remove(checkpoint: Path) -> None:
    # The facts go first: what another program holds of the rest is no checkpoint, and is removed after the next one.
    if discard(checkpoint / FACTS):
        discard(checkpoint)


def complete(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first; what a killed training left half written is none."""
    return [path for path in _begun(folder) if (path / FACTS).is_file()]


def _begun(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal())


Loaded = tuple[CheckpointFacts, dict[str, Tensor], dict[str, Any]]
"""Facts, published camera tensors and state of a checkpoint."""


def load_checkpoint(checkpoint: Path, config: TrainingConfig) -> Loaded:
    """Facts, published camera tensors and state of a checkpoint.

    Args:
        checkpoint: its folder.
        config: of the training that will go on.

    Raises:
        TrainingError: it is of another configuration, or is not there.
    """
    if not (checkpoint / FACTS).is_file():
        raise not_for_all(checkpoint)
    try:
        facts = msgspec.json.decode((checkpoint / FACTS).read_bytes(), type=CheckpointFacts)
        if facts.fingerprint != fingerprint(config):
            raise _of_another(checkpoint, facts, config)
        state: dict[str, Any] = torch.load(checkpoint / STATE, map_location="cpu", weights_only=True)
        return facts, load_file(checkpoint / CAMERA), state
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.filename:  # without one: a place beyond a file's end
            raise TrainingError("The checkpoint cannot be read", f"{error.filename}: {error.strerror}") from error
        earlier = [path.name for path in complete(checkpoint.parent) if path.name < checkpoint.name]
        whole = f": {earlier[-1]} is before it" if earlier else ""
        raise TrainingError(
            "The checkpoint cannot be used",
            f"{checkpoint}: {error or type(error).__name__}",
            f"Try again, in case memory was short; if it comes again the file is damaged: remove its folder{whole}.",
        ) from error


def _of_another(checkpoint: Path, facts: CheckpointFacts, config: TrainingConfig) -> TrainingError:
    # Through JSON, as the checkpoint's: it has lists for tuples.
    before, now = _flat(facts.decisive), _flat(msgspec.json.decode(msgspec.json.encode(decisive(config))))
    apart = [f"{key} was {before.get(key)}, is {now.get(key)}" for key in sorted(now | before)
             if before and before.get(key) != now.get(key)]  # fmt: skip
    return TrainingError(
        "The checkpoint is of another training",
        f"{checkpoint} was made with another configuration" + (f": {'; '.join(apart)}" if apart else ""),
        "Choose another folder as out, or put the configuration back.",
    )


def _flat(table: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """The values of a table and of those in it by their whole keys."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{place}{key}.") if isinstance(value, Mapping) else {f"{place}{key}": value}
    return flat


def not_for_all(checkpoint: Path) -> TrainingError:
    """The error of a process that does not see the checkpoint that the first one goes on from.

    Args:
        checkpoint: its path.
    """
    return TrainingError(
        "The checkpoint is not there for every process",
        f"the first one sees {checkpoint}, this one does not",
        "Put `out` on a disk that all machines share.",
    )


def check_same_numbers(facts: CheckpointFacts, base: str, accumulated: int) -> None:
    """Refuse to go on where the losses would depend on more than the configuration says.

    Args:
        facts: of the checkpoint.
        base: digest of the base; "" where it is not known.
        accumulated: batches of each process whose gradients make a step.

    Raises:
        TrainingError: the base is another, or the published run's gradients would be divided by another number.
    """
    if facts.base and base and facts.base != base:
        raise TrainingError(
            "The checkpoint was trained on another base",
            f"its base has the digest {facts.base}, the file that the configuration names has {base}",
            "Choose another folder as out, or put the base back.",
        )
    if facts.published and facts.accumulated not in (0, accumulated):
        raise TrainingError(
            "The checkpoint was trained with another accumulation",
            f"{facts.accumulated} batches a step and process, now {accumulated}; as published, gradients are divided "
            "by its square",
            "Use as many processes and clips at once (run.batch_per_process) as before.",
        )
