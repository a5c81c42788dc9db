"""Transformer blocks: within a frame, and over time with the camera."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .attention import ContextKeys, CrossAttention, FrameAttention, TimeAttention
from .attention_plan import AttentionPlan
from .epipolar_attention import EpipolarAttention
from .layers import ClipNorm, FeedForward, FrameNorm, Linear


class SpatialTransformer(nn.Module):
    """Self-attention in each frame, attention to text and picture, feed-forward.

    Args:
        channels: of the activations.
        head_channels: of one attention head.
        context_channels: of the context's tokens.
        learnable_scale: see CrossAttention.
    """

    def __init__(self, channels: int, head_channels: int, context_channels: int, learnable_scale: bool) -> None:
        super().__init__()
        self.norm = FrameNorm(channels, eps=1e-6)
        self.proj_in = Linear(channels, channels)
        self.self_norm = nn.LayerNorm(channels)
        self.self_attention = FrameAttention(channels, head_channels)
        self.cross_norm = nn.LayerNorm(channels)
        self.cross_attention = CrossAttention(channels, head_channels, context_channels, learnable_scale)
        self.ff_norm = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)
        self.proj_out = Linear(channels, channels)

    def forward(self, x: Tensor, context: ContextKeys) -> Tensor:
        """The activations after this block.

        Args:
            x: [B, T, H, W, C].
            context: of this block's cross-attention.

        Returns:
            [B, T, H, W, C].
        """
        h = self.proj_in(self.norm(x))
        h = h + self.self_attention(self.self_norm(h))
        h = h + self.cross_attention(self.cross_norm(h), context)
        h = h + self.ff(self.ff_norm(h))
        return x + self.proj_out(h)


@dataclass(frozen=True, eq=False)
class LevelCamera:
    """The camera as one level of the UNet sees it.

    Attributes:
        features: pose features [B, T, H, W, C].
        plans: which tokens attend to which, one for the whole batch or one for each sample; None where every token
            attends to every other.
    """

    features: Tensor
    plans: tuple[AttentionPlan, ...] | None


class TemporalTransformer(nn.Module):
    """Two attentions over time and a feed-forward; with a camera, the first is joined by epipolar attention."""

    def __init__(self, channels: int, inner: int, head_channels: int, register_tokens: int | None) -> None:
        """Build the block.

        Args:
            channels: of the activations.
            inner: channels inside the block.
            head_channels: of one attention head.
            register_tokens: of the epipolar attention; None for a block without camera modules.
        """
        super().__init__()
        self.norm = ClipNorm(channels, eps=1e-6)
        self.proj_in = Linear(channels, inner)
        self.first_norm = nn.LayerNorm(inner)
        self.first_attention = TimeAttention(inner, head_channels)
        self.second_norm = nn.LayerNorm(inner)
        self.second_attention = TimeAttention(inner, head_channels)
        self.ff_norm = nn.LayerNorm(inner)
        self.ff = FeedForward(inner)
        self.proj_out = Linear(inner, channels)
        if register_tokens is not None:
            self.plucker_projection = Linear(inner, inner)
            self.epipolar = EpipolarAttention(inner, head_channels, register_tokens)

    def forward(self, x: Tensor, camera: LevelCamera | None = None) -> Tensor:
        """The activations after this block.

        Args:
            x: [B, T, H, W, C].
            camera: at this level; None leaves the camera modules out.

        Returns:
            [B, T, H, W, C].
        """
        h = self.proj_in(self.norm(x))
        n = self.first_norm(h)
        h = h + self.first_attention(n)
        if camera is not None:
            posed = n + camera.features
            h = h + self.plucker_projection(posed)
            h = h + self.epipolar(posed, camera.plans)
        h = h + self.second_attention(self.second_norm(h))
        h = h + self.ff(self.ff_norm(h))
        return x + self.proj_out(h)
