"""A training's checkpoint to a folder that others can use: camera modules in the published layout and their card."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from blender_addon.core.held_files import discard, rename_path
from blender_addon.core.printable import printable
from server.model.weights.camera_tensors import CAMERA_FILE, camera_shapes, check_camera
from server.model.weights.own_networks import NETWORK_FILE, NetworkFacts
from server.model.weights.weights_fetch import sha256_of
from server.training.checkpoints import TrainingError, complete, load_checkpoint, not_written

from .model_card import camera_modules_in_words, last_metrics, model_card
from .run_record import read_run

CARD_FILE = "README.md"
"""Name of the card in an export."""


def export_run(run: Path, folder: Path, licence: str, mean: bool = False) -> NetworkFacts:
    """Write the newest checkpoint of a training as camera.safetensors with a card and a description beside it.

    Args:
        run: folder of the training.
        folder: that is made; it must not be there.
        licence: of the weights, in words.
        mean: the running mean of the trained tensors in place of the last ones.

    Returns:
        What is known of the network.

    Raises:
        TrainingError: there is nothing to export, the folder is there, or it cannot be written.
        CheckpointError: the checkpoint's tensors cannot be used: untrained ones, for instance.
    """
    if folder.exists():
        raise TrainingError("The folder is there already", str(folder), "Name another, or remove it.")
    record = read_run(run)
    found = complete(run / "checkpoints")
    if not found:
        raise TrainingError("The training has no checkpoint yet", str(run), "Let it run until its first one.")
    facts, camera, state = load_checkpoint(found[-1], record.config)
    config = record.config.model
    if mean:
        camera = with_mean(camera, state["mean"], run)
    check_camera(found[-1] / CAMERA_FILE, camera, camera_shapes(config), config)
    part = folder.with_name(f".{folder.name}.part")
    try:
        discard(part)
        part.mkdir(parents=True)
        save_file({key: t.float().contiguous() for key, t in camera.items()}, part / CAMERA_FILE)
        made = NetworkFacts(
            variant=record.config.variant,
            size=record.config.size or config.size,
            steps=facts.step,
            licence=licence,
            sha256=sha256_of(part / CAMERA_FILE),
            base=record.base,
            forms=facts.mix,
            mean=mean,
            commit=record.commit,
        )
        (part / NETWORK_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(made)))
        # safetensors writes files that only their owner can read, and these are to be shared.
        shutil.copymode(part / NETWORK_FILE, part / CAMERA_FILE)
        title = printable(folder.name)
        about = camera_modules_in_words(title, made)
        card = model_card(title, about, made, record, last_metrics(run))
        (part / CARD_FILE).write_text(card, encoding="utf-8")
        rename_path(part, folder)
    except (OSError, SafetensorError) as error:
        discard(part)
        why = f"{folder}: {not_written(error)}"
        raise TrainingError("The network cannot be written", why, "Make room there, or name another folder.") from error
    return made


def with_mean(camera: dict[str, Tensor], mean: dict[str, Tensor], run: Path) -> dict[str, Tensor]:
    """The published tensors with the running mean in place of each that learns."""
    if not mean:
        raise TrainingError("There is no running mean", f"{run} was trained with run.ema = 0", "Leave --ema out.")
    # The published tensors of some have axes of length 1 that ours lack.
    return camera | {key: value.view(camera[key].shape) for key, value in mean.items()}
