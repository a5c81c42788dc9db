"""The trained VAE on disk, its latents shifted and scaled to mean 0 and variance 1 in every channel."""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor

from blender_addon.core.errors import RealCamError
from blender_addon.core.held_files import rename_path
from server.model.config import VaeConfig
from server.model.vae import build_vae

from .config import VAE_FACTS, VAE_FILE


class VaeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a trained VAE.

    Attributes:
        psnr: of its pictures in validation, dB.
        steps: of its training.
    """

    psnr: float
    steps: int


def normalise_latents(network: AutoencoderKL, mean: Tensor, spread: Tensor) -> None:
    """Change the convolutions beside the latent, in place, so that latents are z' = (z - mean) / spread.

    Pictures stay what they are, and the variant's scale is 1.

    Args:
        network: the VAE.
        mean: [C] of its latents.
        spread: [C], their standard deviation.
    """
    channels = len(mean)
    with torch.no_grad():
        out, back = network.quant_conv, network.post_quant_conv
        out.weight[:channels] /= spread[:, None, None, None]
        out.bias[:channels] = (out.bias[:channels] - mean) / spread
        out.bias[channels:] -= 2.0 * spread.log()
        back.bias += back.weight[:, :, 0, 0] @ mean
        back.weight *= spread[None, :, None, None]


def write_vae(folder: Path, network: AutoencoderKL, facts: VaeFacts) -> None:
    """Write a trained VAE; the facts come last.

    Args:
        folder: of its training.
        network: in diffusers' own names.
        facts: on it.
    """
    part = folder / f"{VAE_FILE}.part"
    save_file({key: t.detach().contiguous() for key, t in network.state_dict().items()}, part)
    rename_path(part, folder / VAE_FILE)
    (folder / VAE_FACTS).write_bytes(msgspec.json.encode(facts))


def read_vae(folder: Path, config: VaeConfig) -> AutoencoderKL:
    """A trained VAE, frozen.

    Raises:
        RealCamError: there is none.
    """
    if not (folder / VAE_FACTS).is_file():
        raise RealCamError("There is no trained VAE", str(folder), "Run `realcam nano vae` to its end first.")
    network = build_vae(config)
    network.load_state_dict(load_file(folder / VAE_FILE))
    return network.eval().requires_grad_(False)
