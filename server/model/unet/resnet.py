"""Residual blocks of the UNet, with their convolutions over time, and the changes of resolution between levels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from .layers import ClipNorm, Dropout, FrameConv, FrameNorm, Linear, TimeConv


class ResBlock(nn.Module):
    """Two convolutions in each frame, with the timestep's embedding added between them, then four over time."""

    def __init__(self, in_channels: int, out_channels: int, time_channels: int) -> None:
        super().__init__()
        self.norm1 = FrameNorm(in_channels)
        self.conv1 = FrameConv(in_channels, out_channels, 3, padding=1)
        self.time_projection = Linear(time_channels, out_channels)
        self.norm2 = FrameNorm(out_channels)
        self.dropout = Dropout()
        self.conv2 = FrameConv(out_channels, out_channels, 3, padding=1)
        self.shortcut = Linear(in_channels, out_channels) if in_channels != out_channels else nn.Identity()
        self.temporal = nn.ModuleList(TemporalConv(out_channels, dropout=i > 0) for i in range(4))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """The activations after this block.

        Args:
            x: [B, T, H, W, in_channels].
            time: [B, T or 1, time_channels], already through its SiLU.

        Returns:
            [B, T, H, W, out_channels].
        """
        h = self.conv1(functional.silu(self.norm1(x), inplace=True))
        h = h + self.time_projection(time)[:, :, None, None, :]
        h = self.conv2(self.dropout(functional.silu(self.norm2(h), inplace=True)))
        h = h + self.shortcut(x)
        y = h
        for layer in self.temporal:
            y = layer(y)
        return h + y


class TemporalConv(nn.Module):
    """Norm over the clip, SiLU, convolution over time.

    Args:
        channels: of the activations.
        dropout: whether training may drop activations before the convolution.
    """

    def __init__(self, channels: int, dropout: bool) -> None:
        super().__init__()
        self.norm = ClipNorm(channels)
        self.dropout = Dropout() if dropout else nn.Identity()
        self.conv = TimeConv(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] from x of that shape."""
        return self.conv(self.dropout(functional.silu(self.norm(x), inplace=True)))


class Downsample(FrameConv):
    """A convolution that halves height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, stride=2, padding=1)


class Upsample(FrameConv):
    """Doubles height and width: nearest neighbours, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, 2 H, 2 W, C] from x [B, T, H, W, C]."""
        return super().forward(x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
