"""The nano network before its base is trained, and its base as `realcam train` takes it."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from blender_addon.core.held_files import rename_path
from server.model.config import ModelConfig
from server.model.model import RealCamModel, assemble, build_parts
from server.model.tokenizer import ClipTokenizer
from server.model.unet.resnet import ResBlock
from server.model.unet.transformers import SpatialTransformer, TemporalTransformer
from server.model.weights import checkpoint
from server.model.weights.load import load_model, part_sources
from server.model.weights.tensor_files import Union, open_tensors
from server.training.start import blank_camera
from server.training.trained_set import trained_set

from .vae_files import read_vae
from .vocabulary import write_tokenizer

TOKENIZER = "tokenizer"
"""Folder of the vocabulary, in that of the base's training."""


def new_base(config: ModelConfig, vae_folder: Path, folder: Path, seed: int) -> RealCamModel:
    """The network with initial values beside a trained VAE; all but the VAE and the camera modules requires gradients.

    Args:
        config: the variant.
        vae_folder: of the VAE's training.
        folder: of the base's training; the tokenizer is written there.
        seed: of the initial values.

    Raises:
        RealCamError: there is no trained VAE.
    """
    write_tokenizer(folder / TOKENIZER)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = build_parts(config)
        _initialise(parts)
    # In the layout that convolutions on a processor are faster in: it encodes every clip once.
    parts["vae"] = read_vae(vae_folder, config.vae).to(memory_format=torch.channels_last)
    model = assemble(config, parts, ClipTokenizer(folder / TOKENIZER), f"nano-base-{seed}")
    for name in ("unet", "text", "vision", "resampler"):
        parts[name].requires_grad_(True)
    for parameter in trained_set(model.unet, model.pose_encoder, config).parameters.values():
        parameter.requires_grad_(False)
    return model


def _initialise(parts: dict[str, nn.Module]) -> None:
    """Zeros where a residual branch and the network end, as the published base begins; queries that differ."""
    unet, resampler = parts["unet"], parts["resampler"]
    ends: list[nn.Module] = [unet.get_submodule("conv_out")]
    for module in unet.modules():
        if isinstance(module, ResBlock):
            ends += [module.conv2, module.temporal[-1].get_submodule("conv")]
        elif isinstance(module, (SpatialTransformer, TemporalTransformer)):
            ends.append(module.proj_out)
    for end in ends:
        for parameter in end.parameters():
            nn.init.zeros_(parameter)
    queries = resampler.get_parameter("latents")
    nn.init.normal_(queries, std=queries.shape[-1] ** -0.5)


def begin_with(model: RealCamModel, file: Path) -> None:
    """Take the weights of another base, all but the VAE's and the camera modules'.

    Args:
        model: changed in place.
        file: of `write_base`.

    Raises:
        CheckpointError: it is missing, incomplete, or of another variant.
    """
    found = load_model(model.config, Union([open_tensors(file), blank_camera(model.config)]), model.tokenizer, "base")
    for name in ("unet", "text", "vision", "resampler"):
        begun, own = found.parts()[name].state_dict(), model.parts()[name].state_dict()
        for key, source in part_sources({name: found.parts()[name]}, model.config)[name].items():
            if not checkpoint.CAMERA_KEY.search(source.key):
                own[key].copy_(begun[key])


def write_base(model: RealCamModel, file: Path) -> None:
    """Write all tensors but the camera modules', under the published names.

    Args:
        model: with the weights to write.
        file: safetensors.
    """
    parts = model.parts()
    tensors: dict[str, Tensor] = {}
    for name, found in part_sources(parts, model.config).items():
        state = parts[name].state_dict()
        base = {n: source for n, source in found.items() if not checkpoint.CAMERA_KEY.search(source.key)}
        tensors |= checkpoint.to_published(base, {n: state[n].detach().float() for n in base})
    part = file.with_suffix(".part")
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, part)
    rename_path(part, file)
