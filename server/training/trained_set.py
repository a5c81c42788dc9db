"""Which tensors learn, in the optimizer's order, and what they are before the first step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from server.model.config import ModelConfig
from server.model.model import RealCamModel
from server.model.unet.epipolar_attention import EpipolarAttention
from server.model.unet.layers import Dropout
from server.model.unet.pose_encoder import PoseEncoder
from server.model.unet.unet import UNet
from server.model.weights import checkpoint

from .sharding.shards import fill

STARTS_AT_ZERO = re.compile(r"\.plucker_projection\.|\.epipolar\.to_out\.")
"""Tensors that are zero before the first step, so that the network then is its base."""

BASE_DROPOUT = 0.1
"""Rate of the base's dropout in the published training."""


@dataclass(frozen=True, eq=False)
class TrainedSet:
    """The tensors that learn, by their published keys, in the published optimizer's order.

    Attributes:
        parameters: published key -> our parameter; trailing axes of length 1 may be missing.
    """

    parameters: Mapping[str, nn.Parameter]

    def gradients(self) -> list[Tensor]:
        """The gradients that are there."""
        return [p.grad for p in self.parameters.values() if p.grad is not None]


def freeze(model: RealCamModel) -> TrainedSet:
    """Let the camera modules learn and nothing else.

    Args:
        model: its parameters' `requires_grad` is set; all parts but the UNet are put into evaluation mode.
    """
    for name, part in model.parts().items():
        part.requires_grad_(False)
        if name != "unet":
            part.eval()
    trained = trained_set(model.unet, model.pose_encoder, model.config)
    for parameter in trained.parameters.values():
        parameter.requires_grad_(True)
    return trained


def trained_set(unet: UNet, pose_encoder: PoseEncoder, config: ModelConfig) -> TrainedSet:
    """The tensors that learn; buffers, as the tables of positions, are none of them."""
    found: dict[str, nn.Parameter] = {}
    for part, network in _with_camera(unet, pose_encoder):
        parameters = dict(network.named_parameters())
        for name, source in checkpoint.camera_sources(checkpoint.sources(part, parameters, config)).items():
            found[source.key] = parameters[name]
    return TrainedSet(dict(sorted(found.items(), key=lambda item: _rank(item[0]))))


_POSE_ORDER = ("encoder_down_conv_blocks.", "encoder_down_attention_blocks.", "encoder_conv_in.")
_BLOCK_ORDER = ("attention_blocks.", "norms.", "ff.net.", "ff_norm.")


def _rank(key: str) -> tuple[int, ...]:
    """What a published key is sorted by: the UNet's stay as they run, the pose encoder's follow by kind and place."""
    if not key.startswith("pose_encoder."):
        return (0,)
    kind = next(i for i, prefix in enumerate(_POSE_ORDER) if key.startswith(f"pose_encoder.{prefix}"))
    place = (int(n) for n in re.findall(r"_blocks\.(\d+)\.(\d+)\.", key)[0]) if kind < 2 else ()
    within = next((i for i, part in enumerate(_BLOCK_ORDER) if f".{part}" in key), 0)
    return (1, kind, *place, within)


def _with_camera(
    unet: UNet, pose_encoder: PoseEncoder
) -> tuple[tuple[Literal["unet"], nn.Module], tuple[Literal["pose_encoder"], nn.Module]]:
    """The parts of a model that hold camera modules."""
    return ("unet", unet), ("pose_encoder", pose_encoder)


def camera_tensors(model: RealCamModel) -> dict[str, Tensor]:
    """Everything that makes a base RealCam, as it is published: the trained tensors and the tables of positions.

    Returns:
        Published key -> tensor in its published shape, detached.
    """
    tensors: dict[str, Tensor] = {}
    for part, network in _with_camera(model.unet, model.pose_encoder):
        state = network.state_dict()
        found = checkpoint.camera_sources(checkpoint.sources(part, state, model.config))
        tensors |= checkpoint.to_published(found, {name: state[name].detach() for name in found})
    return tensors


def load_camera_tensors(model: RealCamModel, tensors: Mapping[str, Tensor]) -> None:
    """Give the camera modules published tensors, in place.

    Args:
        model: its parameters stay the same objects.
        tensors: published key -> tensor, at least those that `camera_tensors` gives.

    Raises:
        KeyError: one is missing.
        ValueError: a shape does not fit.
    """
    for part, network in _with_camera(model.unet, model.pose_encoder):
        state = network.state_dict()
        found = checkpoint.camera_sources(checkpoint.sources(part, state, model.config))
        shapes = {name: state[name].shape for name in found}
        for name, value in checkpoint.from_published(found, shapes, tensors).items():
            fill(state[name], value)


def initialise(model: RealCamModel, generator: torch.Generator) -> None:
    """Give the camera modules the values that training starts from.

    Args:
        model: its camera modules are changed in place; the network then gives what its base does.
        generator: on the CPU; draws the values, a module after the other.
    """
    for name, module in _camera_modules(model):
        if isinstance(module, nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(module, EpipolarAttention):
            fill(module.register_tokens, torch.randn(module.register_tokens.shape, generator=generator))
        elif isinstance(module, (nn.Linear, nn.Conv2d)):
            # PyTorch's own default for both.
            bound = module.weight[0].numel() ** -0.5
            for tensor in (module.weight, module.bias):
                if tensor is None:
                    continue
                drawn = torch.empty(tensor.shape).uniform_(-bound, bound, generator=generator)
                fill(tensor, torch.zeros_like(drawn) if STARTS_AT_ZERO.search(f".{name}.") else drawn)


def _camera_modules(model: RealCamModel) -> Iterator[tuple[str, nn.Module]]:
    for name, module in model.unet.named_modules():
        if re.search(r"\.(plucker_projection|epipolar)(\.|$)", name):
            yield name, module
    yield from model.pose_encoder.named_modules()


def set_base_dropout(unet: UNet, rate: float) -> int:
    """Let the frozen base drop activations while it is trained on, as it did in its own training.

    Args:
        unet: put into training mode where the rate is above 0, else into evaluation mode.
        rate: share of activations that are dropped.

    Returns:
        Number of places that have dropout.
    """
    places = [module for module in unet.modules() if isinstance(module, Dropout)]
    for place in places:
        place.p = rate
    unet.train(rate > 0.0)
    return len(places)


HALF: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Dtype of a precision's matrix products; float32 has none."""


def halve_frozen(network: nn.Module, dtype: torch.dtype | None) -> None:
    """Keep the matrices and kernels that do not learn in the dtype that autocast rounds them to at every use.

    Norms and biases stay as they are: autocast does not round those of norms, and they are small. What learns stays
    float32.

    Args:
        network: changed in place, after `freeze`.
        dtype: of autocast; None leaves all as it is.
    """
    if dtype is None:
        return
    for parameter in network.parameters():
        if not parameter.requires_grad and parameter.ndim > 1:
            parameter.data = parameter.data.to(dtype)
