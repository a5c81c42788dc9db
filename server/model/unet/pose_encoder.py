"""The pose encoder: Plücker rays to features of the camera, one map for each level of the UNet."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.model.config import PoseEncoderConfig

from .attention import TimeAttention
from .layers import FeedForward, FrameConv, Linear
from .recompute import run_block


class PoseEncoder(nn.Module):
    """Plücker rays to camera features for every level of the UNet.

    Attributes:
        recompute: compute each block's activations once more in the backward pass instead of keeping them.
    """

    def __init__(self, config: PoseEncoderConfig) -> None:
        super().__init__()
        self.recompute = False
        self.unshuffle, self.frames = config.unshuffle, config.frames
        self.conv_in = FrameConv(6 * config.unshuffle**2, config.channels[0], 3, padding=1)
        self.levels = nn.ModuleList()
        previous = config.channels[0]
        for level, channels in enumerate(config.channels):
            widths = [previous] + [channels] * (config.blocks - 1)
            self.levels.append(
                nn.ModuleList(
                    PoseBlock(width, channels, config.heads, config.frames, pool=level > 0 and i == 0)
                    for i, width in enumerate(widths)
                )
            )
            previous = channels

    def forward(self, rays: Tensor) -> list[Tensor]:
        """The features of every level, finest first.

        Args:
            rays: [B, 6, T, H, W] Plücker rays of every pixel; T at most `config.frames`, H and W multiples of
                `config.unshuffle` x 2^(levels - 1).

        Returns:
            For level i, [B, T, H / u / 2^i, W / u / 2^i, C_i] with u = `config.unshuffle`.

        Raises:
            ValueError: more frames than the weights have positions for.
        """
        if rays.shape[2] > self.frames:
            raise ValueError(f"the weights know clips of up to {self.frames} frames, got {rays.shape[2]}: use segments")
        frames = functional.pixel_unshuffle(rays.permute(0, 2, 1, 3, 4), self.unshuffle)
        x = self.conv_in(frames.permute(0, 1, 3, 4, 2).contiguous())
        features = []
        for level in self.levels:
            for block in level:
                x = run_block(block, self.recompute, x)
            features.append(x)
        return features


class PoseBlock(nn.Module):
    """A residual block in each frame, then attention over time with a position table.

    Args:
        in_channels: of the input.
        channels: of the output.
        heads: of the attention.
        frames: length of the position table.
        pool: halve height and width first.
    """

    def __init__(self, in_channels: int, channels: int, heads: int, frames: int, pool: bool) -> None:
        super().__init__()
        self.pool = pool
        self.conv_in = Linear(in_channels, channels) if in_channels != channels else nn.Identity()
        self.conv1 = FrameConv(channels, channels, 3, padding=1)
        self.conv2 = Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.attention = TimeAttention(channels, channels // heads)
        self.ff_norm = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)
        self.register_buffer("positions", position_table(frames, channels))

    def forward(self, x: Tensor) -> Tensor:
        """The features after this block.

        Args:
            x: [B, T, H, W, in_channels].

        Returns:
            [B, T, H, W, channels], H and W halved if `pool`.
        """
        if self.pool:
            x = half_size(x)
        x = self.conv_in(x)
        x = x + self.conv2(functional.relu(self.conv1(x)))
        positions = self.positions[: x.shape[1], None, None]
        x = x + self.attention(self.norm(x) + positions)
        return x + self.ff(self.ff_norm(x))


def half_size(x: Tensor) -> Tensor:
    """[B, T, H / 2, W / 2, C], the mean of 2 x 2 positions of x [B, T, H, W, C]."""
    batch, frames, height, width, channels = x.shape
    return x.view(batch, frames, height // 2, 2, width // 2, 2, channels).mean(dim=(3, 5))


def position_table(frames: int, channels: int) -> Tensor:
    """[frames, channels] float32: sines at even, cosines at odd channels."""
    positions = torch.arange(frames, dtype=torch.float32)[:, None]
    frequencies = torch.exp(torch.arange(0, channels, 2, dtype=torch.float32) * (-math.log(10000.0) / channels))
    angles = positions * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
