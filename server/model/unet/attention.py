"""Attention within a frame, over time, and to the text and the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from server.model.cpu.softmax_attention import softmax_attention

from .layers import Linear, merge_heads, split_heads


class Attention(nn.Module):
    """Projections of multi-head attention; how tokens are grouped is the subclass's business."""

    def __init__(self, channels: int, head_channels: int, context_channels: int | None = None) -> None:
        super().__init__()
        self.heads = channels // head_channels
        self.to_q = Linear(channels, channels, bias=False)
        self.to_k = Linear(context_channels or channels, channels, bias=False)
        self.to_v = Linear(context_channels or channels, channels, bias=False)
        self.to_out = Linear(channels, channels)


class FrameAttention(Attention):
    """Self-attention among the positions of each frame, [B, T, H, W, C]."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, 1).flatten(1, 2)
        q, k, v = (split_heads(layer(tokens), self.heads) for layer in (self.to_q, self.to_k, self.to_v))
        return self.to_out(merge_heads(softmax_attention(q, k, v))).view_as(x)


class TimeAttention(Attention):
    """Self-attention among the frames at each position, [B, T, H, W, C]."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).flatten(2, 3) for layer in (self.to_q, self.to_k, self.to_v))
        attended = torch.stack([self._attend(*sample) for sample in zip(q, k, v, strict=True)])
        return self.to_out(attended.view_as(x))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """[T, H W, C] each; positions are the batch, by strides alone."""
        views = (t.unflatten(-1, (self.heads, -1)).permute(1, 2, 0, 3) for t in (q, k, v))
        return softmax_attention(*views).permute(2, 0, 1, 3).flatten(2)


@dataclass(frozen=True, eq=False)
class ContextTokens:
    """What the cross-attention sees. text [B, L, C]; image [B, F, M, C] with F = T (each frame its own) or 1."""

    text: Tensor
    image: Tensor


@dataclass(frozen=True, eq=False)
class ContextKeys:
    """Keys and values of one cross-attention, [B, F, heads, L, D] each (F = 1 when all frames share them).

    They depend on nothing that changes while sampling, so they are made once a shot.
    """

    text_keys: Tensor
    text_values: Tensor
    image_keys: Tensor
    image_values: Tensor


class CrossAttention(Attention):
    """Attention to the text plus, with the same queries and its own softmax, attention to the picture."""

    def __init__(self, channels: int, head_channels: int, context_channels: int, learnable_scale: bool) -> None:
        super().__init__(channels, head_channels, context_channels)
        self.to_k_image = Linear(context_channels, channels, bias=False)
        self.to_v_image = Linear(context_channels, channels, bias=False)
        self.image_scale = nn.Parameter(torch.zeros(())) if learnable_scale else None

    def project(self, context: ContextTokens) -> ContextKeys:
        text, image = context.text[:, None], context.image
        pairs = ((self.to_k, text), (self.to_v, text), (self.to_k_image, image), (self.to_v_image, image))
        return ContextKeys(*(layer(t).unflatten(-1, (self.heads, -1)).transpose(2, 3) for layer, t in pairs))

    def forward(self, x: Tensor, context: ContextKeys) -> Tensor:
        """x [B, T, H, W, C]."""
        q = split_heads(self.to_q(x).flatten(0, 1).flatten(1, 2), self.heads)
        frames = x.shape[1]
        attended = softmax_attention(
            q, _each_frame(context.text_keys, frames), _each_frame(context.text_values, frames)
        )
        image = softmax_attention(q, _each_frame(context.image_keys, frames), _each_frame(context.image_values, frames))
        if self.image_scale is not None:
            image = image * (torch.tanh(self.image_scale) + 1.0)
        return self.to_out(merge_heads(attended + image)).view_as(x)


def _each_frame(keys: Tensor, frames: int) -> Tensor:
    """[B, F, heads, L, D] -> [B T, heads, L, D]."""
    return keys.expand(-1, frames, -1, -1, -1).flatten(0, 1)
