"""Attention of every token of the clip to those that may show the same point in space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from server.model.cpu.softmax_attention import softmax_attention

from .attention import Attention
from .attention_plan import AttentionPlan
from .layers import merge_heads, split_heads


class EpipolarAttention(Attention):
    """Attention of each token to its epipolar lines in all frames, and to a few learned register tokens.

    The registers are there for a token whose lines miss every frame.

    Args:
        channels: of the tokens.
        head_channels: of one head.
        register_tokens: number of registers.
    """

    def __init__(self, channels: int, head_channels: int, register_tokens: int) -> None:
        super().__init__(channels, head_channels)
        self.register_tokens = nn.Parameter(torch.zeros(1, register_tokens, channels))

    def forward(self, x: Tensor, plans: tuple[AttentionPlan, ...] | None) -> Tensor:
        """What each token gathers along its epipolar lines.

        Args:
            x: [B, T, H, W, C] with the pose features added.
            plans: which tokens attend to which, see LevelCamera.

        Returns:
            [B, T, H, W, C].
        """
        tokens = x.flatten(1, 3)
        q = self.to_q(tokens)
        k, v = (self._with_registers(layer, tokens) for layer in (self.to_k, self.to_v))
        return self.to_out(self._attend(q, k, v, plans)).view_as(x)

    def _with_registers(self, layer: nn.Module, tokens: Tensor) -> Tensor:
        registers = layer(self.register_tokens).expand(len(tokens), -1, -1)
        return torch.cat([registers, layer(tokens)], dim=1)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, plans: tuple[AttentionPlan, ...] | None) -> Tensor:
        """Attended tokens [B, N, C].

        Args:
            q: [B, N, C].
            k: [B, R + N, C], the registers first.
            v: [B, R + N, C].
            plans: see LevelCamera.
        """
        if plans is None:
            views = (split_heads(t, self.heads) for t in (q, k, v))
            return merge_heads(softmax_attention(*views))
        if len(plans) == 1:
            return plans[0].attend(q, k, v, self.heads)
        samples = zip(plans, q.split(1), k.split(1), v.split(1), strict=True)
        return torch.cat([plan.attend(sq, sk, sv, self.heads) for plan, sq, sk, sv in samples])
