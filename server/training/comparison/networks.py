"""One base, and the camera modules that are put into it one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from server.model.config import ModelConfig
from server.model.model import RealCamModel
from server.model.tokenizer import ClipTokenizer
from server.model.weights.camera_tensors import CAMERA_FILE, base_digest, read_camera
from server.model.weights.load import load_model
from server.model.weights.tensor_files import Union, open_tensors
from server.training.checkpoints import TrainingError, complete, load_checkpoint
from server.training.draws import sample_generator
from server.training.exports.export_run import with_mean
from server.training.exports.run_record import RUN_FILE, read_run
from server.training.start import blank_camera
from server.training.trained_set import camera_tensors, initialise, load_camera_tensors

UNTRAINED = "untrained"
"""Digest of camera modules that were not trained: the network then is its base."""


@dataclass(frozen=True, eq=False)
class Modules:
    """Camera modules.

    Attributes:
        tensors: by published key.
        digest: of them, 12 hexadecimal digits, or UNTRAINED.
    """

    tensors: Mapping[str, Tensor]
    digest: str


class Networks:
    """A base with the camera modules that were put in last.

    Args:
        config: the variant.
        base: file of the base.
        tokenizer: folder of CLIP's vocab.json and merges.txt.
    """

    def __init__(self, config: ModelConfig, base: Path, tokenizer: Path) -> None:
        tensors = open_tensors(base)
        self.base_digest = base_digest(tensors)
        file = Union([tensors, blank_camera(config)])
        self.model: RealCamModel = load_model(config, file, ClipTokenizer(tokenizer), f"compared-{config.name}")
        initialise(self.model, sample_generator(0))
        blank = {key: tensor.clone() for key, tensor in camera_tensors(self.model).items()}
        self._modules = {"": Modules(blank, UNTRAINED)}
        self._inside = self._modules[""]

    def modules(self, place: str) -> Modules:
        """The camera modules at a place, read once; "" for those of the base alone."""
        if place not in self._modules:
            self._modules[place] = read_modules(Path(place), self.model.config)
        return self._modules[place]

    def with_modules(self, place: str) -> RealCamModel:
        """The model with the camera modules at a place."""
        wanted = self.modules(place)
        if wanted is not self._inside:
            load_camera_tensors(self.model, wanted.tensors)
            self._inside = wanted
        return self.model


def read_modules(place: Path, config: ModelConfig) -> Modules:
    """Camera modules of a training's newest checkpoint, of an export's folder, or of a file.

    Args:
        place: folder or file.
        config: the variant.

    Raises:
        TrainingError: the training has no checkpoint yet.
        CheckpointError: they cannot be read, or belong to another variant.
    """
    if (place / RUN_FILE).is_file():
        found = complete(place / "checkpoints")
        if not found:
            raise TrainingError("The training has no checkpoint yet", str(place), "Let it run until its first one.")
        _, tensors, state = load_checkpoint(found[-1], read_run(place).config)
        if state["mean"]:
            tensors = with_mean(tensors, state["mean"], place)
    else:
        tensors = read_camera(place / CAMERA_FILE if place.is_dir() else place, config)
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].float().contiguous().view(torch.uint8).numpy().tobytes())
    return Modules(tensors, digest.hexdigest()[:12])
