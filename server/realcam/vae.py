"""Pictures to latents and back: diffusers' AutoencoderKL, frame by frame."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from server.diffusion.shaping import Draw

from .config import LATENT_DOWNSAMPLE, VaeConfig


def build_vae(config: VaeConfig) -> AutoencoderKL:
    """The network without weights (on the current default device)."""
    levels = len(config.channel_mult)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=tuple(config.channels * m for m in config.channel_mult),
        layers_per_block=config.blocks,
        latent_channels=config.latent_channels,
        norm_num_groups=32,
        scaling_factor=config.scale,
    )


class VideoVae:
    """Clips [B, 3, T, H, W] in [-1, 1] to scaled latents [B, 4, T, H / 8, W / 8] and back."""

    def __init__(self, vae: AutoencoderKL, config: VaeConfig, frames_at_once: int = 1) -> None:
        self.network, self._config, self._frames = vae, config, frames_at_once

    def encode(self, clip: Tensor, draw: Draw, per_frame: bool = False) -> Tensor:
        """A sample of the posterior, as the weights were trained on; one draw [B T, 4, h, w], or one each frame."""
        batch, _, frames, height, width = clip.shape
        shape = (self._config.latent_channels, height // LATENT_DOWNSAMPLE, width // LATENT_DOWNSAMPLE)
        moments = self._each(lambda x: self.network.encode(x).latent_dist.parameters, clip)
        mean, log_variance = moments.float().chunk(2, dim=1)
        if per_frame:
            noise = torch.cat([draw((1, *shape)) for _ in range(batch * frames)])
        else:
            noise = draw((batch * frames, *shape))
        latent = mean + torch.exp(0.5 * log_variance.clamp(-30.0, 20.0)) * noise
        return self._config.scale * latent.unflatten(0, (batch, frames)).transpose(1, 2)

    def decode(self, latents: Tensor, between_frames: Callable[[], None] = lambda: None) -> Tensor:
        """float32 pictures, not clamped. between_frames: what it raises ends the decoding."""

        def one(x: Tensor) -> Tensor:
            between_frames()
            return self.network.decode(x).sample

        pictures = self._each(one, latents / self._config.scale).float()
        return pictures.unflatten(0, (len(latents), -1)).transpose(1, 2)

    def _each(self, network: Callable[[Tensor], Tensor], clip: Tensor) -> Tensor:
        """[B, C, T, H, W] through `network` a few frames at a time, to [B T, ...]."""
        frames = clip.transpose(1, 2).flatten(0, 1).to(self.network.post_quant_conv.weight)
        return torch.cat([network(piece) for piece in frames.split(self._frames)])
