"""The basic layers of the network.

Activations are [B, T, H, W, C] throughout: linear layers and norms want the channels last, and seen as [B T, C, H, W]
the same memory is the channels-last layout that convolutions are fastest in. So nothing is ever transposed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.model.cpu.processor import computes_in_bfloat16
from server.model.cpu.winograd import winograd_conv, winograd_pays


class Linear(nn.Linear):
    """nn.Linear, through oneDNN in float32 on the CPU.

    MKL leaves AVX-512 unused on AMD, and is 1.4 times as slow there. Where there is only AVX2, MKL is an eighth faster;
    the sums are kept the same on every machine.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[..., C_out] from x [..., C_in]."""
        if x.dtype == torch.float32 and runs_in_onednn(x):
            return torch.ops.mkldnn._linear_pointwise(x.contiguous(), self.weight, self.bias, "none", [], "")
        return functional.linear(x, self.weight, self.bias)


def runs_in_onednn(x: Tensor) -> bool:
    """Whether oneDNN's own operators can be called for x: on the CPU, without gradients and outside torch.compile.

    Not under autocast, which casts nothing for them.
    """
    eager = not torch.is_grad_enabled() and not torch.compiler.is_compiling() and not torch.is_autocast_enabled("cpu")
    return _ONEDNN_LINEAR and x.device.type == "cpu" and eager


_ONEDNN_LINEAR = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class FrameConv(nn.Conv2d):
    """A 2-D convolution over each frame."""

    def forward(self, x: Tensor) -> Tensor:
        """Each frame convolved.

        Args:
            x: [B, T, H, W, C_in].

        Returns:
            [B, T, H', W', C_out].
        """
        frames = x.flatten(0, 1)
        if self._same_size and winograd_pays(frames, self.weight):
            return winograd_conv(frames, self.weight, self.bias).unflatten(0, x.shape[:2])
        y = super().forward(frames.permute(0, 3, 1, 2))
        return y.permute(0, 2, 3, 1).unflatten(0, x.shape[:2]).contiguous()

    @property
    def _same_size(self) -> bool:
        """Whether the kernel is 3 x 3 and the output as large as the input."""
        return self.kernel_size == (3, 3) and self.stride == (1, 1) and self.padding == (1, 1)


class TimeConv(nn.Conv2d):
    """A convolution of width 3 over the frames, done as a 2-D one over (T, H W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, kernel_size=(3, 1), padding=(1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] from x of that shape."""
        y = super().forward(x.flatten(2, 3).permute(0, 3, 1, 2))
        return y.permute(0, 2, 3, 1).unflatten(2, x.shape[2:4]).contiguous()


class GroupNorm32(nn.GroupNorm):
    """Group norm of 32 groups, in float32 under autocast on every device."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(32, channels, eps)

    def normalised(self, x: Tensor) -> Tensor:
        """[N, C, ...] from x of that shape and of its dtype."""
        if not (x.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
            return super().forward(x)
        # Autocast does this by itself on a card; on the CPU it leaves bfloat16, whose kernel takes five times as long.
        with torch.autocast("cpu", enabled=False):
            return functional.group_norm(x.float(), self.num_groups, self.weight, self.bias, self.eps).to(x.dtype)


class FrameNorm(GroupNorm32):
    """Group norm with statistics of each frame."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] from x of that shape."""
        y = self.normalised(x.flatten(0, 1).permute(0, 3, 1, 2))
        return y.permute(0, 2, 3, 1).unflatten(0, x.shape[:2]).contiguous()


class ClipNorm(GroupNorm32):
    """Group norm with statistics of the whole clip."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] from x of that shape."""
        y = self.normalised(x.flatten(2, 3).permute(0, 3, 1, 2))
        return y.permute(0, 2, 3, 1).unflatten(2, x.shape[2:4]).contiguous()


class Dropout(nn.Dropout):
    """Dropout that is off unless training sets its rate: a trained network is sampled without it."""

    def __init__(self) -> None:
        super().__init__(p=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """x itself, or in training mode with a rate x with elements dropped and the others scaled up."""
        return functional.dropout(x, self.p) if self.training and self.p > 0.0 else x


class FeedForward(nn.Module):
    """GEGLU feed-forward: four times as wide inside, one half gated by the exact GELU of the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = Linear(channels, 8 * channels)
        self.out = Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[..., C] from x of that shape."""
        if x.device.type != "cpu":
            return self._apply_to(x)
        tokens = x.flatten(0, -2)
        # In pieces that fit the cache: the inner activation is eight times as large as x.
        pieces = [self._apply_to(piece) for piece in tokens.split(FEED_FORWARD_TOKENS)]
        return torch.cat(pieces).view_as(x) if len(pieces) > 1 else pieces[0].view_as(x)

    def _apply_to(self, x: Tensor) -> Tensor:
        if x.dtype == torch.bfloat16 and runs_in_onednn(x) and computes_in_bfloat16():
            return self.out(gated(x, self.proj.weight.chunk(2), self.proj.bias))
        value, gate = self.proj(x).chunk(2, dim=-1)
        return self.out(value * functional.gelu(gate))


def gated(x: Tensor, value_and_gate: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
    """The gated inner activation of a feed-forward; GELU and gating are done before the first product is rounded.

    Args:
        x: [N, C] on the CPU.
        value_and_gate: weights [4 C, C] of the value and of the gate, plain or packed.
        bias: [8 C], of the value, then of the gate.

    Returns:
        [N, 4 C].
    """
    (value, gate), (value_bias, gate_bias) = value_and_gate, bias.chunk(2)
    opened = torch.ops.mkldnn._linear_pointwise(x, gate, gate_bias, "gelu", [], "none")
    return torch.ops.mkldnn._linear_pointwise.binary(x, opened, value, value_bias, "mul")


FEED_FORWARD_TOKENS = 4096
"""Tokens of a piece that fits the CPU's cache."""


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[N, heads, L, C / heads], a view of x [N, L, C]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """[N, L, heads D] from x [N, heads, L, D]."""
    return x.transpose(1, 2).flatten(2)


def sinusoidal_embedding(values: Tensor, channels: int) -> Tensor:
    """Cosines, then sines, of geometrically falling frequencies.

    Args:
        values: [B], of any dtype.
        channels: an even number.

    Returns:
        [B, channels] float32.
    """
    half = channels // 2
    steps = torch.arange(half, dtype=torch.float32, device=values.device)
    angles = values.float()[:, None] * torch.exp(-math.log(10000.0) * steps / half)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
