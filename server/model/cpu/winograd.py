"""3 x 3 convolutions by Winograd's method: 4 multiplications an output instead of 9, for some additions more.

F(2 x 2, 3 x 3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), section 4.1:
Y = A^T [(G g G^T) * (B^T d B)] A for each tile d of 4 x 4 pixels, which overlaps the next by two. The products over all
tiles are 16 matrix products. It rounds as the direct form does: the matrices hold only 0, 1, 1/2 and their negatives.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TILES = 512
"""Tiles at once, about, so that their transforms stay in the processor's cache; 256 to 1024 are equally fast."""

MIN_CHANNELS = 256
"""With fewer channels the additions outweigh the multiplications that are saved; measured from 320 on."""

_KERNEL = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))
"""The matrix G."""


def winograd_pays(x: Tensor, weight: Tensor) -> bool:
    """Whether Winograd's method is the faster one: wide layers, in float32, on a processor with AVX2 alone.

    With AVX-512, oneDNN's direct form runs at more than twice the rate of its matrix products. Others: not measured.

    Args:
        x: [N, H, W, C].
        weight: [O, C, 3, 3].
    """
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and min(weight.shape[:2]) >= MIN_CHANNELS
        and x.shape[1] % 2 == 0
        and x.shape[2] % 2 == 0
        and torch.backends.cpu.get_cpu_capability() == "AVX2"
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
    )


def winograd_conv(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution with stride 1 and one pixel of zeros around.

    Args:
        x: [N, H, W, C] with even H and W.
        weight: [O, C, 3, 3].
        bias: [O], or None.

    Returns:
        [N, H, W, O].
    """
    frames, height, width, _ = x.shape
    kernel = _transformed_kernel(weight)
    out = x.new_empty((frames, height, width, len(weight)))
    step = max(1, 4 * TILES // (height * width))
    for some, target in zip(x.split(step), out.split(step), strict=True):
        tiles = _transformed_tiles(some)
        products = torch.bmm(tiles.flatten(0, 1).flatten(1, 3), kernel)
        _outputs(products.view(*tiles.shape[:-1], -1), bias, target)
    return out


def _transformed_kernel(weight: Tensor) -> Tensor:
    """G g G^T of weight [O, C, 3, 3]: [16, C, O]."""
    g = torch.tensor(_KERNEL, dtype=weight.dtype)
    channels_last = weight.permute(0, 2, 3, 1).flatten(1, 2)
    return torch.matmul(torch.kron(g, g), channels_last).permute(1, 2, 0)


def _transformed_tiles(x: Tensor) -> Tensor:
    """B^T d B of every tile of x [N, H, W, C]: [4, 4, N, H/2, W/2, C]."""
    frames, height, width, channels = x.shape
    padded = functional.pad(x, (0, 0, 1, 1, 1, 1))
    tiles = x.new_empty((4, 4, frames, height // 2, width // 2, channels))
    d0, d1, d2, d3 = (padded[:, k : k + height - 1 : 2] for k in range(4))
    for row, y in zip(tiles, (d0 - d2, d1 + d2, d2 - d1, d1 - d3), strict=True):
        e0, e1, e2, e3 = (y[:, :, k : k + width - 1 : 2] for k in range(4))
        torch.sub(e0, e2, out=row[0])
        torch.add(e1, e2, out=row[1])
        torch.sub(e2, e1, out=row[2])
        torch.sub(e1, e3, out=row[3])
    return tiles


def _outputs(products: Tensor, bias: Tensor | None, out: Tensor) -> None:
    """Write A^T m A of every tile into `out`.

    Args:
        products: m, [4, 4, N, H/2, W/2, O].
        bias: [O], or None.
        out: [N, H, W, O], changed in place.
    """
    m0, m1, m2, m3 = products
    for row, (r0, r1, r2, r3) in enumerate(((m1 + m2).add_(m0), (m1 - m2).sub_(m3))):
        even, odd = (r1 + r2).add_(r0), (r1 - r2).sub_(r3)
        for column, y in enumerate((even, odd)):
            out[:, row::2, column::2] = y if bias is None else y.add_(bias)
