"""The resampler: image tokens to sixteen tokens of context for each frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.model.config import IMAGE_TOKENS_PER_FRAME, ResamplerConfig

from .layers import Linear, merge_heads, split_heads


class Resampler(nn.Module):
    """Learned queries that attend to the image tokens and become the picture's context tokens."""

    def __init__(self, config: ResamplerConfig) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.zeros(1, IMAGE_TOKENS_PER_FRAME * config.frames, config.channels))
        self.proj_in = Linear(config.input_channels, config.channels)
        self.layers = nn.ModuleList(ResamplerLayer(config) for _ in range(config.depth))
        self.proj_out = Linear(config.channels, config.output_channels)
        self.norm_out = nn.LayerNorm(config.output_channels)

    def forward(self, image_tokens: Tensor) -> Tensor:
        """The picture's context tokens.

        Args:
            image_tokens: [B, L, config.input_channels], the image encoder's.

        Returns:
            [B, 16 frames, config.output_channels], frame after frame, with frames = `config.frames`.
        """
        x = self.proj_in(image_tokens)
        latents = self.latents.expand(len(x), -1, -1)
        for layer in self.layers:
            latents = layer(x, latents)
        return self.norm_out(self.proj_out(latents))


class ResamplerLayer(nn.Module):
    """Attention of the latents to the image and to themselves, then a feed-forward."""

    def __init__(self, config: ResamplerConfig) -> None:
        super().__init__()
        inner = config.heads * config.head_channels
        self.heads = config.heads
        self.image_norm = nn.LayerNorm(config.channels)
        self.latent_norm = nn.LayerNorm(config.channels)
        self.to_q = Linear(config.channels, inner, bias=False)
        self.to_kv = Linear(config.channels, 2 * inner, bias=False)
        self.to_out = Linear(inner, config.channels, bias=False)
        self.ff_norm = nn.LayerNorm(config.channels)
        self.ff_in = Linear(config.channels, 4 * config.channels, bias=False)
        self.ff_out = Linear(4 * config.channels, config.channels, bias=False)

    def forward(self, image: Tensor, latents: Tensor) -> Tensor:
        """The latents after this layer.

        Args:
            image: [B, L, C].
            latents: [B, N, C].

        Returns:
            [B, N, C].
        """
        normed = self.latent_norm(latents)
        k, v = self.to_kv(torch.cat([self.image_norm(image), normed], dim=1)).chunk(2, dim=-1)
        views = (split_heads(t, self.heads) for t in (self.to_q(normed), k, v))
        latents = latents + self.to_out(merge_heads(functional.scaled_dot_product_attention(*views)))
        return latents + self.ff_out(functional.gelu(self.ff_in(self.ff_norm(latents))))
