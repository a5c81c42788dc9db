"""The same network done the plain way, to measure ours against: each layer as PyTorch offers it, nothing reused.

Convolutions in NCHW, linear layers through BLAS, one dense mask of all tokens by all tokens, the text's keys and
values made anew for every frame in every step. The numbers that come out are the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import layers, resnet
from .attention import ContextTokens
from .attention_plan import AttentionPlan, BlockPlan, DensePlan
from .transformers import LevelCamera
from .unet import Camera, UNet


class PlainLinear(layers.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class PlainFeedForward(layers.FeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return self._apply_to(x)


def _each_frame(conv: nn.Conv2d, x: Tensor) -> Tensor:
    y = nn.Conv2d.forward(conv, x.flatten(0, 1).permute(0, 3, 1, 2).contiguous())
    return y.permute(0, 2, 3, 1).unflatten(0, x.shape[:2]).contiguous()


class PlainFrameConv(layers.FrameConv):
    def forward(self, x: Tensor) -> Tensor:
        return _each_frame(self, x)


class PlainDownsample(resnet.Downsample):
    def forward(self, x: Tensor) -> Tensor:
        return _each_frame(self, x)


class PlainUpsample(resnet.Upsample):
    def forward(self, x: Tensor) -> Tensor:
        return _each_frame(self, x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


class PlainTimeConv(layers.TimeConv):
    def forward(self, x: Tensor) -> Tensor:
        y = nn.Conv2d.forward(self, x.flatten(2, 3).permute(0, 3, 1, 2).contiguous())
        return y.permute(0, 2, 3, 1).unflatten(2, x.shape[2:4]).contiguous()


PLAIN: dict[type[nn.Module], type[nn.Module]] = {
    layers.Linear: PlainLinear,
    layers.FeedForward: PlainFeedForward,
    layers.FrameConv: PlainFrameConv,
    layers.TimeConv: PlainTimeConv,
    resnet.Downsample: PlainDownsample,
    resnet.Upsample: PlainUpsample,
}


def make_plain(model: nn.Module) -> None:
    """Turn a model's layers into the plain ones, in place."""
    for module in model.modules():
        module.__class__ = PLAIN.get(type(module), type(module))


def plain_camera(camera: Camera) -> Camera:
    """The same camera with one dense mask at each masked level."""
    return tuple(
        LevelCamera(level.features, None if level.plans is None else tuple(_dense(plan) for plan in level.plans))
        for level in camera
    )


def _dense(plan: AttentionPlan) -> AttentionPlan:
    if not isinstance(plan, BlockPlan):
        return plan
    mask = torch.zeros((sum(len(block.queries) for block in plan.blocks), plan.columns), dtype=torch.bool)
    for block in plan.blocks:
        mask[block.queries[:, None], block.keys[None]] = block.mask
    return DensePlan(mask)


def plain_forward(
    unet: UNet, x: Tensor, timestep: Tensor, context: ContextTokens, camera: Camera | None, fps: Tensor
) -> Tensor:
    """One forward that makes keys and values of the context itself, the text's for every frame."""
    frames = x.shape[2]
    repeated = ContextTokens(context.text.expand(frames, -1, -1), context.image)
    bound = unet.bind_context(ContextTokens(repeated.text[:1], context.image))
    for block in unet._spatial_blocks():
        # What repeating the text for each frame costs; the result is the same for all.
        block.cross_attention.to_k(repeated.text)
        block.cross_attention.to_v(repeated.text)
    return unet(x, timestep, bound, camera, fps)
