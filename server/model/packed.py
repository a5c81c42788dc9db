"""Weights arranged once as oneDNN computes with them, which it otherwise does anew in every call.

This is for sampling on the CPU in bfloat16, where the products are so fast that the arranging takes a visible share.
The weights are replaced, so memory hardly changes; a packed network runs on this machine's CPU alone, and can be
neither compiled nor saved.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cpu.allocator import trim_heap
from .cpu.processor import computes_in_bfloat16
from .unet import layers, resnet

TRIM_BYTES = 64 * 2**20
"""Freed weights are given back to the system when they are so many: what is arranged next seldom fits where they were.
"""


class PackedLinear(layers.Linear):
    """Linear with packed weights."""

    def pack(self) -> None:
        """Arrange the weights, in place."""
        _replace_weight(self, _packed_linear(self.weight))

    def forward(self, x: Tensor) -> Tensor:
        """[..., C_out] from x [..., C_in]."""
        return torch.ops.mkldnn._linear_pointwise(x.contiguous(), self.weight, self.bias, "none", [], "")


class PackedFeedForward(layers.FeedForward):
    """FeedForward with packed weights."""

    def pack(self) -> None:
        """Arrange the weights, in place."""
        value, gate = self.proj.weight.chunk(2)
        self.value_and_gate = (_packed_linear(value), _packed_linear(gate))
        del self.proj.weight

    def _apply_to(self, x: Tensor) -> Tensor:
        return self.out(layers.gated(x, self.value_and_gate, self.proj.bias))


class PackedFrameConv(layers.FrameConv):
    """FrameConv with packed weights."""

    def pack(self) -> None:
        """Arrange the weights, in place."""
        _replace_weight(self, _packed_convolution(self.weight, self))

    def forward(self, x: Tensor) -> Tensor:
        """See FrameConv: [B, T, H', W', C_out] from x [B, T, H, W, C_in]."""
        y = _convolved(x.flatten(0, 1).permute(0, 3, 1, 2), self.weight, self)
        return y.permute(0, 2, 3, 1).unflatten(0, x.shape[:2]).contiguous()


class PackedTimeConv(layers.TimeConv):
    """TimeConv with packed weights."""

    def pack(self) -> None:
        """Arrange the weights, in place."""
        _replace_weight(self, _packed_convolution(self.weight, self))

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] from x of that shape."""
        y = _convolved(x.flatten(2, 3).permute(0, 3, 1, 2), self.weight, self)
        return y.permute(0, 2, 3, 1).unflatten(2, x.shape[2:4]).contiguous()


class PackedUpsample(resnet.Upsample):
    """Upsample with packed weights, as four convolutions of 2 x 2 pixels before the doubling.

    Of the nine pixels under the kernel, two and two are one pixel twice. So each of the four pixels that one becomes is
    a convolution of 2 x 2 pixels: 16 products where there were 36.
    """

    def pack(self) -> None:
        """Arrange the weights, in place."""
        self.padding = (0, 0)
        rows = _doubled(self.weight.float(), dim=2)
        self.kernels = [
            [_packed_convolution(kernel.to(self.weight.dtype), self) for kernel in _doubled(row, dim=3)] for row in rows
        ]
        del self.weight

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, 2 H, 2 W, C] from x [B, T, H, W, C]."""
        _, _, height, width, _ = x.shape
        padded = functional.pad(x.flatten(0, 1), (0, 0, 1, 1, 1, 1))
        out = x.new_empty((len(padded), 2 * height, 2 * width, self.out_channels))
        for i, row in enumerate(self.kernels):
            for j, kernel in enumerate(row):
                part = padded[:, i : i + height + 1, j : j + width + 1]
                out[:, i::2, j::2] = _convolved(part.permute(0, 3, 1, 2), kernel, self).permute(0, 2, 3, 1)
        return out.unflatten(0, x.shape[:2])


PACKED: dict[type[nn.Module], type[nn.Module]] = {
    layers.FeedForward: PackedFeedForward,
    layers.Linear: PackedLinear,
    layers.FrameConv: PackedFrameConv,
    layers.TimeConv: PackedTimeConv,
    resnet.Downsample: PackedFrameConv,
    resnet.Upsample: PackedUpsample,
}
"""The packed class of each layer."""


def packing_pays(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether packed weights make the network faster on this device.

    Not in float32: a twentieth at most, and nothing where Winograd's method takes the convolutions.
    """
    return dtype == torch.bfloat16 and device.type == "cpu" and computes_in_bfloat16()


def pack(model: nn.Module) -> None:
    """Arrange all weights of a network, in place.

    Args:
        model: on the CPU, in float32 or, where the processor computes in it, bfloat16.
    """
    freed = 0
    projections = {module.proj for module in model.modules() if isinstance(module, layers.FeedForward)}
    for module in list(model.modules()):
        kind = PACKED.get(type(module))
        if kind is None or module in projections:
            continue
        freed += sum(p.nbytes for p in module.parameters())
        module.__class__ = kind
        module.pack()
        if freed > TRIM_BYTES:
            trim_heap()
            freed = 0


def _doubled(weight: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """A kernel of three along `dim`, over pixels that each come twice, as two kernels of two.

    The first is for the first pixel of a pair, whose left neighbour is another pixel, the second for the second.
    """
    left, middle, right = weight.unbind(dim)
    return torch.stack([left, middle + right], dim), torch.stack([left + middle, right], dim)


def _replace_weight(module: nn.Module, weight: Tensor) -> None:
    del module.weight
    module.weight = weight


def _packed_linear(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), None)


def _packed_convolution(weight: Tensor, conv: nn.Conv2d) -> Tensor:
    return torch.ops.mkldnn._reorder_convolution_weight(weight, conv.padding, conv.stride, conv.dilation, 1, None)


def _convolved(x: Tensor, weight: Tensor, conv: nn.Conv2d) -> Tensor:
    return torch.ops.mkldnn._convolution_pointwise(
        x, weight, conv.bias, conv.padding, conv.stride, conv.dilation, 1, "none", [], ""
    )
