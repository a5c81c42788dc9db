"""Checkpoint files to a model that is ready to run. A file that is not complete and exact is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from server.model.config import TRAINABLE, ModelConfig
from server.model.errors import CheckpointError
from server.model.model import RealCamModel, assemble, build_parts, fill
from server.model.tokenizer import Tokenizer

from . import checkpoint
from .checkpoint import Part
from .tensor_files import TensorFile, Union, open_tensors

State = dict[str, Tensor]
"""Tensors by our names."""


@dataclass(frozen=True)
class CheckpointFiles:
    """The files that one checkpoint is made of.

    Attributes:
        camera: RealCam's file.
        base: DynamiCrafter's file; None when `camera` holds everything.
    """

    camera: Path
    base: Path | None = None


def open_checkpoint(files: CheckpointFiles) -> TensorFile:
    """Base and camera weights as one; where both have a tensor, the camera file's counts.

    Raises:
        CheckpointError: a file is missing or cannot be read.
    """
    camera = open_tensors(files.camera)
    return camera if files.base is None else Union([open_tensors(files.base), camera])


def is_camera_alone(path: Path) -> bool:
    """Whether the file holds nothing but RealCam's own modules, so that it needs a base.

    Raises:
        CheckpointError: the file is missing or cannot be read.
    """
    return all(checkpoint.CAMERA_KEY.search(key) for key in open_tensors(path))


def load_model(
    config: ModelConfig,
    file: TensorFile,
    tokenizer: Tokenizer,
    weights_hash: str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> RealCamModel:
    """The model of a checkpoint, its weights loaded straight onto the device.

    Args:
        config: the variant.
        file: the checkpoint's tensors.
        tokenizer: of the variant's vocabulary.
        weights_hash: see RealCamModel.
        device: of the model.
        dtype: of the weights.

    Raises:
        CheckpointError: tensors are missing, too many or of another shape; it holds their keys.
    """
    with torch.device("meta"):
        parts = build_parts(config)
    states = fitting_states(parts, file, config)
    for name, part in parts.items():
        fill(part, states[name], device, dtype)
    return assemble(config, parts, tokenizer, weights_hash)


def fitting_states(parts: Mapping[str, nn.Module], file: TensorFile, config: ModelConfig) -> dict[str, State]:
    """The state dict of each part, views on `file` where possible.

    Args:
        parts: by name, as `build_parts` makes them.
        file: the checkpoint's tensors.
        config: the variant.

    Raises:
        CheckpointError: tensors are missing, too many or of another shape.
    """
    found = part_sources(parts, config)
    check_keys(file, {source.key for part in found.values() for source in part.values()}, config)
    states = {}
    for name, part in parts.items():
        shapes = {n: t.shape for n, t in part.state_dict().items()}
        try:
            states[name] = checkpoint.from_published(found[name], shapes, file)
        except ValueError as error:
            raise CheckpointError(
                "The weights do not fit the model", f"{config.name}: {error}", "They may be of another variant."
            ) from error
    return states


def part_sources(parts: Mapping[str, nn.Module], config: ModelConfig) -> dict[str, dict[str, checkpoint.Source]]:
    """Where every tensor of every part is published, by the part's name and the tensor's."""
    return {name: checkpoint.sources(cast("Part", name), part.state_dict(), config) for name, part in parts.items()}


def check_keys(available: Collection[str], wanted: set[str], config: ModelConfig) -> None:
    """Refuse a checkpoint that lacks a tensor of the model, or holds one the model has no place for.

    Args:
        available: published keys of the file.
        wanted: published keys of the model.
        config: the variant.

    Raises:
        CheckpointError: the file is such a one, or of another resolution.
    """
    missing = wanted - set(available)
    camera_missing = {key for key in missing if checkpoint.CAMERA_KEY.search(key)}
    if camera_missing:
        raise CheckpointError(
            f"The weights of {config.name} do not control the camera",
            f"{len(camera_missing)} camera tensors are missing",
            "The base model alone ignores the camera; add RealCam's own file.",
            camera_missing,
        )
    alphas = sum(key.endswith(".attn2.alpha") for key in available)
    if (alphas > 0) != config.unet.learnable_image_scale:
        alike = [name for name, other in TRAINABLE.items() if other.unet.learnable_image_scale == (alphas > 0)]
        raise CheckpointError(
            "The weights are of another resolution",
            f"{config.name} has {'an' if config.unet.learnable_image_scale else 'no'} image scale in each block, "
            f"the file {alphas or 'none'}, like {', '.join(alike)}",
            f"Use the base weights that belong to {config.name}.",
        )
    if missing:
        raise CheckpointError(
            f"The weights of {config.name} are incomplete",
            f"{len(missing)} tensors are missing",
            f"Use the base weights that belong to {config.name}.",
            missing,
        )
    unexpected = {key for key in set(available) - wanted if not checkpoint.unused(key, config)}
    if unexpected:
        raise CheckpointError(
            "The weights hold tensors that the model has no place for",
            f"{len(unexpected)} of them",
            f"They may not be those of {config.name}.",
            unexpected,
        )
