"""Attention within a frame, over time, and to the text and the picture.

Activations are [B, T, H, W, C], H and W in cells of the level.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from server.model.cpu.softmax_attention import softmax_attention

from .layers import Linear, merge_heads, split_heads


class Attention(nn.Module):
    """Projections of multi-head attention; subclasses say how tokens are grouped.

    Args:
        channels: of the tokens.
        head_channels: of one head; it divides `channels`.
        context_channels: of what keys and values are made of; None for the tokens themselves.
    """

    def __init__(self, channels: int, head_channels: int, context_channels: int | None = None) -> None:
        super().__init__()
        self.heads = channels // head_channels
        self.to_q = Linear(channels, channels, bias=False)
        self.to_k = Linear(context_channels or channels, channels, bias=False)
        self.to_v = Linear(context_channels or channels, channels, bias=False)
        self.to_out = Linear(channels, channels)


class FrameAttention(Attention):
    """Self-attention among the positions of each frame."""

    def forward(self, x: Tensor) -> Tensor:
        """What each position gathers from its frame.

        Args:
            x: [B, T, H, W, C].

        Returns:
            [B, T, H, W, C].
        """
        tokens = x.flatten(0, 1).flatten(1, 2)
        q, k, v = (split_heads(layer(tokens), self.heads) for layer in (self.to_q, self.to_k, self.to_v))
        return self.to_out(merge_heads(softmax_attention(q, k, v))).view_as(x)


class TimeAttention(Attention):
    """Self-attention among the frames at each position."""

    def forward(self, x: Tensor) -> Tensor:
        """What each position gathers from the same position of all frames.

        Args:
            x: [B, T, H, W, C].

        Returns:
            [B, T, H, W, C].
        """
        q, k, v = (layer(x).flatten(2, 3) for layer in (self.to_q, self.to_k, self.to_v))
        attended = torch.stack([self._attend(*sample) for sample in zip(q, k, v, strict=True)])
        return self.to_out(attended.view_as(x))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """[T, H W, C] from three of that shape; positions are the batch, by strides alone."""
        views = (t.unflatten(-1, (self.heads, -1)).permute(1, 2, 0, 3) for t in (q, k, v))
        return softmax_attention(*views).permute(2, 0, 1, 3).flatten(2)


@dataclass(frozen=True, eq=False)
class ContextTokens:
    """What the cross-attention attends to.

    Attributes:
        text: [B, L, C].
        image: [B, F, M, C] with F = T, where each frame has its own tokens, or F = 1.
    """

    text: Tensor
    image: Tensor


@dataclass(frozen=True, eq=False)
class ContextKeys:
    """Keys and values of one cross-attention.

    They depend on nothing that changes while sampling, so they are made once a shot.

    Attributes:
        text_keys: [B, 1, heads, L, D].
        text_values: [B, 1, heads, L, D].
        image_keys: [B, F, heads, M, D], F = 1 when all frames share them.
        image_values: [B, F, heads, M, D].
    """

    text_keys: Tensor
    text_values: Tensor
    image_keys: Tensor
    image_values: Tensor


class CrossAttention(Attention):
    """Attention to the text plus, with the same queries and a softmax of its own, attention to the picture.

    Args:
        channels: of the tokens.
        head_channels: of one head.
        context_channels: of the context's tokens.
        learnable_scale: whether a learned factor scales the attention to the picture.
    """

    def __init__(self, channels: int, head_channels: int, context_channels: int, learnable_scale: bool) -> None:
        super().__init__(channels, head_channels, context_channels)
        self.to_k_image = Linear(context_channels, channels, bias=False)
        self.to_v_image = Linear(context_channels, channels, bias=False)
        self.image_scale = nn.Parameter(torch.zeros(())) if learnable_scale else None

    def project(self, context: ContextTokens) -> ContextKeys:
        """Keys and values of the context for this layer."""
        text, image = context.text[:, None], context.image
        pairs = ((self.to_k, text), (self.to_v, text), (self.to_k_image, image), (self.to_v_image, image))
        return ContextKeys(*(layer(t).unflatten(-1, (self.heads, -1)).transpose(2, 3) for layer, t in pairs))

    def forward(self, x: Tensor, context: ContextKeys) -> Tensor:
        """What each position gathers from the text and the picture.

        Args:
            x: [B, T, H, W, C].
            context: as `project` makes it, of the same batch.

        Returns:
            [B, T, H, W, C].
        """
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
