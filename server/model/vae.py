"""Pictures to latents and back: diffusers' AutoencoderKL, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from server.diffusion.shaping import Draw

from .config import LATENT_DOWNSAMPLE, VaeConfig

TILE = 512
"""Side of a tile, pixels; the overlap of a quarter is diffusers' own."""

CARD_FRAMES = 3
"""Frames that a GPU takes at once: a fourth would need more memory than a forward pass of the network on 16."""


def build_vae(config: VaeConfig) -> AutoencoderKL:
    """The network without weights, on the current default device."""
    levels = len(config.channel_mult)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=tuple(config.channels * m for m in config.channel_mult),
        layers_per_block=config.blocks,
        latent_channels=config.latent_channels,
        norm_num_groups=config.norm_groups,
        scaling_factor=config.scale,
        sample_size=TILE,
    )


def _go_on() -> None:
    """Nothing to do between frames."""


class VideoVae:
    """Clips [B, 3, T, H, W] in [-1, 1] to scaled latents [B, 4, T, H / 8, W / 8] and back.

    Args:
        vae: diffusers' network, kept as `network`.
        config: its sizes.
        frames_at_once: frames in one call of the network.
    """

    def __init__(self, vae: AutoencoderKL, config: VaeConfig, frames_at_once: int = 1) -> None:
        self.network, self._config, self._frames = vae, config, frames_at_once

    def encode(
        self, clip: Tensor, draw: Draw | None, per_frame: bool = False, between: Callable[[], None] = _go_on
    ) -> Tensor:
        """The scaled latents of a clip: a sample of the posterior, as the weights were trained on.

        Args:
            clip: [B, 3, T, H, W] in [-1, 1].
            draw: gives the sample's noise; None takes the posterior's mean instead, the picture without grain.
            per_frame: draw for each frame [1, 4, h, w], not once for all [B T, 4, h, w].
            between: called before each call of the network; what it raises ends the encoding.

        Returns:
            [B, 4, T, H / 8, W / 8] float32.
        """
        batch, _, frames, height, width = clip.shape
        shape = (self._config.latent_channels, height // LATENT_DOWNSAMPLE, width // LATENT_DOWNSAMPLE)
        moments = self.moments(clip, between)
        if draw is None:
            noise = torch.zeros_like(moments[:, : self._config.latent_channels])
        elif per_frame:
            noise = torch.cat([draw((1, *shape)) for _ in range(batch * frames)])
        else:
            noise = draw((batch * frames, *shape))
        return self.sampled(moments, noise).unflatten(0, (batch, frames)).transpose(1, 2)

    def moments(self, clip: Tensor, between: Callable[[], None] = _go_on) -> Tensor:
        """Mean and log variance of each frame's posterior, which do not change from one encoding to the next.

        Args:
            clip: [B, 3, T, H, W] in [-1, 1].
            between: called before each call of the network; what it raises ends the encoding.

        Returns:
            [B T, 8, H / 8, W / 8] float32.
        """
        return self._each(lambda x: self.network.encode(x).latent_dist.parameters, clip, between, self._frames).float()

    def sampled(self, moments: Tensor, noise: Tensor) -> Tensor:
        """The scaled latents that standard normal noise picks of the posteriors.

        Args:
            moments: [N, 8, h, w] as `moments` makes them.
            noise: [N, 4, h, w].

        Returns:
            [N, 4, h, w] float32.
        """
        mean, log_variance = moments.chunk(2, dim=1)
        return self._config.scale * (mean + torch.exp(0.5 * log_variance.clamp(-30.0, 20.0)) * noise)

    def decode(self, latents: Tensor, between: Callable[[], None] = _go_on, tiled: bool = False) -> Tensor:
        """The pictures of scaled latents.

        Args:
            latents: [B, 4, T, h, w], scaled.
            between: called before each call of the network; what it raises ends the decoding.
            tiled: decode a frame at a time, and one larger than TILE in tiles that are blended: less memory, and not
                the same picture, since norms and attention see a tile alone.

        Returns:
            [B, 3, T, 8 h, 8 w] float32, about [-1, 1], not clamped.
        """
        large = max(latents.shape[-2:]) > self.network.tile_latent_min_size
        decode = self.network.tiled_decode if tiled and large else self.network.decode
        frames_at_once = 1 if tiled else self._frames
        scaled = latents / self._config.scale
        pictures = self._each(lambda x: decode(x).sample, scaled, between, frames_at_once).float()
        return pictures.unflatten(0, (len(latents), -1)).transpose(1, 2)

    @cached_property
    def colours(self) -> Tensor:
        """[C + 1, 3]: scaled latents to colours in [-1, 1], a row for each latent channel and a constant one."""
        if self._config.latent_channels == len(PUBLISHED_COLOURS) - 1:
            return torch.tensor(PUBLISHED_COLOURS)
        return fitted_colours(self)

    def _each(
        self, network: Callable[[Tensor], Tensor], clip: Tensor, between: Callable[[], None], frames_at_once: int
    ) -> Tensor:
        """A clip [B, C, T, H, W] through `network` a few frames at a time, as [B T, ...]."""
        frames = clip.transpose(1, 2).flatten(0, 1).to(self.network.post_quant_conv.weight)
        pieces = []
        for piece in frames.split(frames_at_once):
            between()
            pieces.append(network(piece))
        return torch.cat(pieces)


PUBLISHED_COLOURS = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
    (0.0, 0.0, 0.0),
)
"""`VideoVae.colours` of the published VAE, which is Stable Diffusion's: fitted to that by others."""

FITTED_PICTURES, FITTED_SIDE = 24, 64
"""How many pictures the colours of another VAE are fitted to, and their side in pixels."""


def fitted_colours(vae: VideoVae) -> Tensor:
    """The linear map from latents to colours that comes nearest for random pictures.

    Args:
        vae: encodes them.

    Returns:
        [C + 1, 3] float32 on the CPU, see `VideoVae.colours`.
    """
    pictures = _random_pictures(FITTED_PICTURES, FITTED_SIDE)
    with torch.no_grad():
        latents = vae.encode(pictures.transpose(0, 1)[None], None).cpu()
    cells = functional.avg_pool2d(pictures, LATENT_DOWNSAMPLE).permute(0, 2, 3, 1).reshape(-1, 3)
    rows = latents[0].permute(1, 2, 3, 0).flatten(0, 2)
    return torch.linalg.lstsq(torch.cat([rows, torch.ones(len(rows), 1)], dim=1), cells).solution


def _random_pictures(count: int, side: int) -> Tensor:
    """[count, 3, side, side] in [-1, 1]: dusky, little colour, and as photos have it the less the finer."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.zeros((count, 3, side, side))
    for cells in (2**n for n in range(1, side.bit_length())):
        light = torch.randn((count, 1, cells, cells), generator=generator)
        tint = torch.randn((count, 3, cells, cells), generator=generator)
        pictures += functional.interpolate(light + 0.4 * tint, (side, side), mode="bilinear") * cells**-0.6
    exposure = 0.4 * torch.randn((count, 1, 1, 1), generator=generator) - 0.3
    return (exposure + 0.4 * pictures / pictures.std()).clamp(-1.0, 1.0)


def latent_picture(latents: Tensor, frame: int, colours: Tensor, enlarge: int = 4) -> NDArray[np.uint8]:
    """A small picture of one frame, straight from the latents.

    Args:
        latents: [1, C, T, h, w], scaled.
        frame: index of the frame.
        colours: [C + 1, 3] of the VAE, see `VideoVae.colours`.
        enlarge: pixels of a latent cell's side.

    Returns:
        [h enlarge, w enlarge, 3] uint8.
    """
    matrix = colours.to(latents.device)
    picture = latents[0, :, frame].float().permute(1, 2, 0) @ matrix[:-1] + matrix[-1]
    small = ((picture.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8).cpu().numpy()
    return np.ascontiguousarray(small.repeat(enlarge, axis=0).repeat(enlarge, axis=1))
