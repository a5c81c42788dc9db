"""The parts of one variant together: built, filled with weights, random ones for tests, and offloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from diffusers.hooks import apply_group_offloading
from torch import Tensor, nn

from .clip_encoders import build_image_encoder, build_text_encoder
from .config import ModelConfig
from .tokenizer import Tokenizer
from .unet.pose_encoder import PoseEncoder, position_table
from .unet.resampler import Resampler
from .unet.unet import UNet
from .vae import CARD_FRAMES, VideoVae, build_vae


@dataclass(frozen=True, eq=False)
class RealCamModel:
    """Everything that turns a shot into frames. All parts share a dtype.

    Attributes:
        config: the variant.
        unet: the denoising network.
        pose_encoder: Plücker rays to camera features.
        vae: pictures to latents and back.
        text_encoder: token ids to text tokens.
        image_encoder: picture to image tokens.
        resampler: image tokens to context tokens.
        tokenizer: prompt to token ids.
        weights_hash: SHA-256 of the model file in hex, or what `random_weights_hash` gives.
        device: where the parts compute.
    """

    config: ModelConfig
    unet: UNet
    pose_encoder: PoseEncoder
    vae: VideoVae
    text_encoder: nn.Module
    image_encoder: nn.Module
    resampler: Resampler
    tokenizer: Tokenizer
    weights_hash: str
    device: torch.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return self.unet.conv_in.weight.dtype

    def parts(self) -> dict[str, nn.Module]:
        """The networks by name, as `build_parts` names them."""
        return {
            "unet": self.unet,
            "pose_encoder": self.pose_encoder,
            "vae": self.vae.network,
            "text": self.text_encoder,
            "vision": self.image_encoder,
            "resampler": self.resampler,
        }


def build_parts(config: ModelConfig) -> dict[str, nn.Module]:
    """The parts by name, without weights, on the current default device."""
    return {
        "unet": UNet(config.unet),
        "pose_encoder": PoseEncoder(config.pose_encoder),
        "vae": build_vae(config.vae),
        "text": build_text_encoder(config.clip),
        "vision": build_image_encoder(config.clip),
        "resampler": Resampler(config.resampler),
    }


def assemble(config: ModelConfig, parts: dict[str, nn.Module], tokenizer: Tokenizer, weights_hash: str) -> RealCamModel:
    """The model of filled parts, set to evaluation without gradients.

    Args:
        config: the variant.
        parts: by name, changed in place.
        tokenizer: of the variant's vocabulary.
        weights_hash: see RealCamModel.
    """
    for part in parts.values():
        part.eval().requires_grad_(False)
    device = next(parts["vae"].parameters()).device
    frames_at_once = 1 if device.type == "cpu" else CARD_FRAMES
    return RealCamModel(
        config=config,
        unet=parts["unet"],
        pose_encoder=parts["pose_encoder"],
        vae=VideoVae(parts["vae"], config.vae, frames_at_once),
        text_encoder=parts["text"],
        image_encoder=parts["vision"],
        resampler=parts["resampler"],
        tokenizer=tokenizer,
        weights_hash=weights_hash,
        device=device,
    )


def moved(model: RealCamModel, device: torch.device | str, dtype: torch.dtype) -> RealCamModel:
    """The model on another device or in another dtype.

    Args:
        model: neither packed nor offloaded; its modules are changed in place.
        device: of the result.
        dtype: of the weights.
    """
    parts = {name: part.to(device=device, dtype=dtype) for name, part in model.parts().items()}
    return assemble(model.config, parts, model.tokenizer, model.weights_hash)


def random_model(
    config: ModelConfig,
    tokenizer: Tokenizer,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> RealCamModel:
    """A model with random weights, for tests: it runs like the real one and its frames are noise.

    Args:
        config: the variant.
        tokenizer: of the variant's vocabulary.
        seed: of the weights, which are drawn on the CPU.
        device: of the model.
        dtype: of the weights.
    """
    with torch.device("meta"):
        parts = build_parts(config)
    generator = torch.Generator().manual_seed(seed)
    for part in parts.values():
        state = {name: _random(name, t, generator) for name, t in part.state_dict().items()}
        fill(part, state, device, dtype)
    return assemble(config, parts, tokenizer, random_weights_hash(config, seed))


def random_weights_hash(config: ModelConfig, seed: int = 0) -> str:
    """The identifier that takes the place of the hash for weights that no file holds."""
    return f"random-{config.name}-{seed}"


def fill(part: nn.Module, state: Mapping[str, Tensor], device: torch.device | str, dtype: torch.dtype) -> None:
    """Give a part built on the meta device its tensors, cast and moved.

    Args:
        part: changed in place.
        state: every tensor of the part by name.
        device: of the part afterwards.
        dtype: of its floating-point tensors; others keep theirs.
    """
    placed = {n: t.to(device=device, dtype=dtype if t.is_floating_point() else t.dtype) for n, t in state.items()}
    part.load_state_dict(placed, strict=True, assign=True)
    for owner in part.modules():
        for name, tensor in owner._buffers.items():
            if tensor is not None and tensor.is_meta:
                # Left out of checkpoints by transformers: 0, 1, 2 ...
                owner._buffers[name] = torch.arange(tensor.shape[-1], device=device).expand(tensor.shape)


def _random(name: str, like: Tensor, generator: torch.Generator) -> Tensor:
    """Values that keep activations of order one: weights scaled by their fan-in, norms near 1, biases small."""
    if name.endswith(".positions"):
        return position_table(*like.shape)
    if like.ndim <= 1:
        return torch.randn(like.shape, generator=generator) * 0.1 + (1.0 if name.endswith("weight") else 0.0)
    fan_in = like[0].numel()
    return torch.empty(like.shape).normal_(0.0, fan_in**-0.5, generator=generator)


OFFLOADED_PARTS = ("unet", "text", "vision")
"""Parts whose weights stay in the machine's memory when a model is offloaded: nine tenths of all."""

RESIDENT_PARTS = ("pose_encoder", "vae", "resampler")
"""Parts that stay on the device when a model is offloaded."""


def offloaded(model: RealCamModel, device: torch.device, disk: str | None = None) -> RealCamModel:
    """The model on the CPU made to run on `device`, to which weights come when they are needed.

    This goes layer by layer, not block by block: the cross-attentions' keys are made outside their block's forward.

    Args:
        model: on the CPU; its modules are changed in place.
        device: where it will compute.
        disk: folder to keep the weights in, instead of the machine's memory; None for memory.
    """
    parts = model.parts()
    for name in RESIDENT_PARTS:
        parts[name].to(device)
    for name in OFFLOADED_PARTS:
        apply_group_offloading(
            parts[name],
            onload_device=device,
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
            offload_to_disk_path=None if disk is None else f"{disk}/{name}",
        )
    return replace(model, device=device)
