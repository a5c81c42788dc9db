"""A plain implementation of the same network, to compare ours with: each layer as the published code runs it.

Convolutions in NCHW, those over time as 3-D ones; linear layers through BLAS; attention within a frame, over time and
to the context by writing its weights out (the published code without xformers, on which its figures were taken), only
the epipolar one through SDPA, with one dense mask of all tokens by all tokens; the text's keys and values computed anew
for every frame in every step. The numbers that come out are the same.

The classes add no parameters: `make_plain` puts them in place of the layers' classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.model.unet import attention, layers, resnet
from server.model.unet.attention import ContextKeys, ContextTokens
from server.model.unet.attention_plan import AttentionPlan, BlockPlan, DensePlan
from server.model.unet.layers import merge_heads, split_heads
from server.model.unet.transformers import LevelCamera
from server.model.unet.unet import Camera, UNet


class PlainLinear(layers.Linear):
    """A linear layer through torch's own."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., C_out] from x [..., C_in]."""
        return functional.linear(x, self.weight, self.bias)


class PlainFeedForward(layers.FeedForward):
    """The feed-forward layer on all tokens at once."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., C] from x of that shape."""
        return self._apply_to(x)


def _each_frame(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 2-D convolution of each frame in NCHW: [B, T, H', W', C_out] from x [B, T, H, W, C_in]."""
    y = nn.Conv2d.forward(conv, x.flatten(0, 1).permute(0, 3, 1, 2).contiguous())
    return y.permute(0, 2, 3, 1).unflatten(0, x.shape[:2]).contiguous()


class PlainFrameConv(layers.FrameConv):
    """A convolution within frames, in NCHW."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H', W', C_out] from x [B, T, H, W, C_in]."""
        return _each_frame(self, x)


class PlainDownsample(resnet.Downsample):
    """The strided convolution, in NCHW."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H / 2, W / 2, C] from x [B, T, H, W, C]."""
        return _each_frame(self, x)


class PlainUpsample(resnet.Upsample):
    """The convolution after repeating pixels, in NCHW."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, 2 H, 2 W, C] from x [B, T, H, W, C]."""
        return _each_frame(self, x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


class PlainTimeConv(layers.TimeConv):
    """A convolution over time as a 3-D one."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] from x of that shape."""
        clip = x.permute(0, 4, 1, 2, 3).contiguous()
        y = functional.conv3d(clip, self.weight.unsqueeze(-1), self.bias, padding=(1, 0, 0))
        return y.permute(0, 2, 3, 4, 1).contiguous()


def _written_out(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention with its weights as one tensor.

    Args:
        q: [N, heads, L, D].
        k, v: [N, heads, M, D].

    Returns:
        [N, L, heads * D].
    """
    n = len(q)
    q, k, v = (t.flatten(0, 1) for t in (q, k, v))
    weights = torch.bmm(q, k.transpose(1, 2)) * q.shape[-1] ** -0.5
    return merge_heads(torch.bmm(weights.softmax(dim=-1), v).unflatten(0, (n, -1)))


class PlainFrameAttention(attention.FrameAttention):
    """Attention within a frame, with its weights written out."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] from x of that shape."""
        tokens = x.flatten(0, 1).flatten(1, 2)
        q, k, v = (split_heads(layer(tokens), self.heads) for layer in (self.to_q, self.to_k, self.to_v))
        return self.to_out(_written_out(q, k, v)).view_as(x)


class PlainTimeAttention(attention.TimeAttention):
    """Attention over time, with its weights written out."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] from x of that shape."""
        tokens = x.permute(0, 2, 3, 1, 4).flatten(0, 2).contiguous()
        q, k, v = (split_heads(layer(tokens), self.heads) for layer in (self.to_q, self.to_k, self.to_v))
        y = self.to_out(_written_out(q, k, v)).unflatten(0, (len(x), *x.shape[2:4]))
        return y.permute(0, 3, 1, 2, 4).contiguous()


class PlainCrossAttention(attention.CrossAttention):
    """Attention to text and image, with its weights written out and the context repeated for every frame."""

    def forward(self, x: Tensor, context: ContextKeys) -> Tensor:
        """What each position gathers from the text and the picture.

        Args:
            x: [B, T, H, W, C].
            context: keys and values, of the same batch.

        Returns:
            [B, T, H, W, C].
        """
        q = split_heads(self.to_q(x).flatten(0, 1).flatten(1, 2), self.heads)
        keys = (context.text_keys, context.text_values, context.image_keys, context.image_values)
        text_k, text_v, image_k, image_v = (t.expand(-1, x.shape[1], -1, -1, -1).flatten(0, 1) for t in keys)
        image = _written_out(q, image_k, image_v)
        if self.image_scale is not None:
            image = image * (torch.tanh(self.image_scale) + 1.0)
        return self.to_out(_written_out(q, text_k, text_v) + image).view_as(x)


PLAIN: dict[type[nn.Module], type[nn.Module]] = {
    layers.Linear: PlainLinear,
    layers.FeedForward: PlainFeedForward,
    layers.FrameConv: PlainFrameConv,
    layers.TimeConv: PlainTimeConv,
    resnet.Downsample: PlainDownsample,
    resnet.Upsample: PlainUpsample,
    attention.FrameAttention: PlainFrameAttention,
    attention.TimeAttention: PlainTimeAttention,
    attention.CrossAttention: PlainCrossAttention,
}
"""The plain class for each layer's class."""


def make_plain(model: nn.Module) -> None:
    """Replace the layers of a model by the plain ones, in place."""
    for module in model.modules():
        module.__class__ = PLAIN.get(type(module), type(module))


def plain_camera(camera: Camera) -> Camera:
    """The same camera with one dense mask at each masked level."""
    return tuple(
        LevelCamera(level.features, None if level.plans is None else tuple(dense_plan(plan) for plan in level.plans))
        for level in camera
    )


def dense_plan(plan: AttentionPlan) -> AttentionPlan:
    """The same plan with one dense mask in place of blocks."""
    if not isinstance(plan, BlockPlan):
        return plan
    mask = torch.zeros((sum(len(block.queries) for block in plan.blocks), plan.columns), dtype=torch.bool)
    for block in plan.blocks:
        mask[block.queries[:, None], block.keys[None]] = block.mask
    return DensePlan(mask)


def plain_forward(
    unet: UNet, x: Tensor, timestep: Tensor, context: ContextTokens, camera: Camera | None, fps: Tensor
) -> Tensor:
    """One forward pass that computes keys and values of the context itself, the text's for every frame.

    Args:
        unet: after `make_plain`.
        x: [1, in_channels, T, h, w]; see UNet.forward.
        timestep: [1] integer.
        context: tokens of text and image.
        camera: from `plain_camera`; None runs the base model.
        fps: [1] integer, frames a second.

    Returns:
        [1, out_channels, T, h, w].
    """
    frames = x.shape[2]
    repeated = ContextTokens(context.text.expand(frames, -1, -1), context.image)
    bound = unet.bind_context(ContextTokens(repeated.text[:1], context.image))
    for block in unet._spatial_blocks():
        # What repeating the text for each frame costs; the result is the same for all.
        block.cross_attention.to_k(repeated.text)
        block.cross_attention.to_v(repeated.text)
    return unet(x, timestep, bound, camera, fps)
