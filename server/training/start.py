"""What a training begins with: the base, strictly loaded, and camera modules of their initial values beside it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from server.model.config import ModelConfig
from server.model.model import RealCamModel, build_parts
from server.model.sampling.compiled import compile_blocks
from server.model.tokenizer import ClipTokenizer
from server.model.unet.pose_encoder import position_table
from server.model.weights import checkpoint
from server.model.weights.camera_tensors import read_camera
from server.model.weights.load import load_model, part_sources
from server.model.weights.tensor_files import TensorFile, Union, open_tensors

from .config import ConfigError, TrainingConfig
from .draws import sample_generator
from .trained_set import HALF, initialise, load_camera_tensors


def starting_model(config: TrainingConfig, device: torch.device) -> RealCamModel:
    """The model before the first step.

    Args:
        config: names the base and, where given, camera tensors to begin with.
        device: of the model.

    Raises:
        CheckpointError: a file is missing, incomplete, or of another variant.
        ConfigError: the base is none, or there is no tokenizer.
        EngineError: the network is to be compiled, and this machine cannot.
    """
    file = Union([checked_base(config), blank_camera(config.model)])
    model = load_model(config.model, file, ClipTokenizer(Path(config.tokenizer)), f"training-{config.variant}", device)
    initialise(model, sample_generator(config.run.seed))
    if config.camera:
        load_camera_tensors(model, read_camera(Path(config.camera), config.model))
    hold_encoders(model, HALF.get(config.run.base, torch.float32))
    if config.run.compile:
        compile_blocks(model.unet, device)
    return model


def checked_base(config: TrainingConfig) -> TensorFile:
    """The base's tensors, opened and not yet read.

    Args:
        config: names base and tokenizer.

    Raises:
        CheckpointError: the base's file is missing or cannot be read.
        ConfigError: it is none, or there is no tokenizer.
    """
    base, folder = open_tensors(Path(config.base)), Path(config.tokenizer)
    known = sorted(key for key in base if checkpoint.CAMERA_KEY.search(key))
    if known:
        raise ConfigError("The base has camera modules already", f"{config.base}: {known[0]}", "Give it as camera.")
    if not (folder / "vocab.json").is_file():
        raise ConfigError("The tokenizer is not there", str(folder), "Put CLIP's vocab.json and merges.txt there.")
    return base


def hold_encoders(model: RealCamModel, dtype: torch.dtype) -> None:
    """Keep the weights of the encoders of text and picture in a smaller type.

    The UNet's follow `run.precision`, see `halve_frozen`. The VAE, a twentieth of all, stays in float32: the clean
    latents are the loss's target.

    Args:
        model: changed in place.
        dtype: of the weights.
    """
    for part in (model.text_encoder, model.image_encoder, model.resampler):
        for parameter in part.parameters():
            parameter.data = parameter.data.to(dtype)


def blank_camera(config: ModelConfig) -> dict[str, Tensor]:
    """Published camera tensors of a variant: zeros, and the tables of positions."""
    with torch.device("meta"):
        parts = build_parts(config)
    made: dict[str, Tensor] = {}
    for name, found in part_sources(parts, config).items():
        state = parts[name].state_dict()
        camera = checkpoint.camera_sources(found)
        values = {
            n: position_table(*state[n].shape) if n.endswith(".positions") else torch.zeros(state[n].shape)
            for n in camera
        }
        made |= checkpoint.to_published(camera, values)
    return made
