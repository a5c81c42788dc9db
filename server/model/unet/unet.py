"""The denoiser: a 3-D UNet whose temporal transformers attend along the camera's epipolar lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.model.config import TEXT_TOKENS, UNetConfig

from .attention import ContextKeys, ContextTokens
from .layers import FrameConv, FrameNorm, Linear, sinusoidal_embedding
from .recompute import run_block
from .resnet import Downsample, ResBlock, Upsample
from .transformers import LevelCamera, SpatialTransformer, TemporalTransformer

Camera = tuple[LevelCamera, ...]
"""The camera at every level, finest first; the middle block takes the last."""


class Block(nn.Module):
    """Residual block, and where the level has attention a spatial and a temporal transformer.

    Args:
        config: of the UNet.
        in_channels: of the input.
        channels: of the output.
        attention: whether the block has transformers.
    """

    def __init__(self, config: UNetConfig, in_channels: int, channels: int, attention: bool) -> None:
        super().__init__()
        self.resnet = ResBlock(in_channels, channels, 4 * config.channels)
        self.spatial: SpatialTransformer | None = None
        self.temporal: TemporalTransformer | None = None
        if attention:
            self.spatial = spatial_transformer(config, channels)
            self.temporal = TemporalTransformer(channels, channels, config.head_channels, config.register_tokens)

    def forward(self, x: Tensor, time: Tensor, context: ContextKeys | None, camera: LevelCamera | None) -> Tensor:
        """The activations after this block.

        Args:
            x: [B, T, H, W, in_channels].
            time: [B, 1, time_channels], see ResBlock.
            context: of the cross-attention; None for a block without transformers.
            camera: at this level; None runs the base model.

        Returns:
            [B, T, H, W, channels].
        """
        x = self.resnet(x, time)
        if self.spatial is not None and self.temporal is not None and context is not None:
            x = self.spatial(x, context)
            x = self.temporal(x, camera)
        return x


class Level(nn.Module):
    """The blocks of one resolution, and the layer that leads to the next.

    Args:
        blocks: in the order they run.
        resize: halves or doubles height and width; None at the last level of either side.
    """

    def __init__(self, blocks: Iterable[Block], resize: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.resize = resize


class Middle(nn.Module):
    """The block at the lowest resolution: residual block, both transformers, residual block."""

    def __init__(self, config: UNetConfig, channels: int) -> None:
        super().__init__()
        self.resnet_in = ResBlock(channels, channels, 4 * config.channels)
        self.spatial = spatial_transformer(config, channels)
        self.temporal = TemporalTransformer(channels, channels, config.head_channels, config.register_tokens)
        self.resnet_out = ResBlock(channels, channels, 4 * config.channels)

    def forward(self, x: Tensor, time: Tensor, context: ContextKeys, camera: LevelCamera | None) -> Tensor:
        """The activations after the middle.

        Args:
            x: [B, T, H, W, C].
            time: [B, 1, time_channels], see ResBlock.
            context: of the cross-attention.
            camera: at the coarsest level; None runs the base model.

        Returns:
            [B, T, H, W, C].
        """
        x = self.spatial(self.resnet_in(x, time), context)
        return self.resnet_out(self.temporal(x, camera), time)


@dataclass(frozen=True, eq=False)
class BoundContext:
    """The context as the network reads it, independent of the timestep.

    Attributes:
        keys: keys and values of every cross-attention, in the order the blocks run.
    """

    keys: tuple[ContextKeys, ...]


class UNet(nn.Module):
    """The denoising network: noisy latents and the conditions to its prediction.

    Attributes:
        recompute: compute each block's activations once more in the backward pass instead of keeping them.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        widths = config.level_channels
        time_channels = 4 * config.channels
        self.time_embedding = embedding_mlp(config.channels, time_channels)
        self.fps_embedding = embedding_mlp(config.channels, time_channels)
        self.conv_in = FrameConv(config.in_channels, config.channels, 3, padding=1)
        self.first_temporal = TemporalTransformer(
            config.channels, config.first_temporal_channels, config.head_channels, register_tokens=None
        )
        last = len(widths) - 1
        skips = [config.channels]
        self.down = nn.ModuleList()
        channels = config.channels
        for level, width in enumerate(widths):
            inputs = [channels] + [width] * (config.blocks - 1)
            blocks = [Block(config, n, width, attention=level < last) for n in inputs]
            self.down.append(Level(blocks, Downsample(width) if level < last else None))
            skips += [width] * (config.blocks + (level < last))
            channels = width
        self.middle = Middle(config, channels)
        self.up = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            blocks = []
            for _ in range(config.blocks + 1):
                blocks.append(Block(config, channels + skips.pop(), width, attention=level < last))
                channels = width
            self.up.append(Level(blocks, Upsample(width) if level > 0 else None))
        self.norm_out = FrameNorm(config.channels)
        self.conv_out = FrameConv(config.channels, config.out_channels, 3, padding=1)

    def bind_context(self, context: ContextTokens) -> BoundContext:
        """Keys and values of every cross-attention, all that the network needs of the text and the picture."""
        return BoundContext(tuple(block.cross_attention.project(context) for block in self._spatial_blocks()))

    def _spatial_blocks(self) -> Iterable[SpatialTransformer]:
        blocks = [b for level in self.down for b in level.blocks] + [b for level in self.up for b in level.blocks]
        down_count = sum(len(level.blocks) for level in self.down)
        spatial = [b.spatial for b in blocks[:down_count]] + [self.middle.spatial]
        return [s for s in spatial + [b.spatial for b in blocks[down_count:]] if s is not None]

    def forward(
        self,
        x: Tensor,
        timestep: Tensor,
        context: BoundContext,
        camera: Camera | None = None,
        fps: Tensor | None = None,
        between_blocks: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """The network's prediction.

        Args:
            x: [B, in_channels, T, h, w]: the noisy latent, then the latents that are given beside it.
            timestep: [B] integers, of the training schedule.
            context: as `bind_context` makes it, of the same batch.
            camera: None runs the base model.
            fps: [B] integers, what the network is told of the clip's speed; None for `config.default_fps`.
            between_blocks: called after each block; what it raises ends the forward pass.

        Returns:
            [B, out_channels, T, h, w] in the dtype of the weights.
        """
        dtype = self.conv_in.weight.dtype
        time = functional.silu(self._embed(timestep, fps))[:, None]
        keys = iter(context.keys)
        h = self.first_temporal(self.conv_in(x.permute(0, 2, 3, 4, 1).to(dtype).contiguous()))
        skips = [h]
        for depth, level in enumerate(self.down):
            for block in level.blocks:
                own = (next(keys) if block.spatial else None, camera[depth] if camera else None)
                h = run_block(block, self.recompute, h, time, *own)
                skips.append(h)
                between_blocks()
            if level.resize is not None:
                h = level.resize(h)
                skips.append(h)
        h = run_block(self.middle, self.recompute, h, time, next(keys), camera[-1] if camera else None)
        between_blocks()
        for depth, level in zip(reversed(range(len(self.up))), self.up, strict=True):
            for block in level.blocks:
                h = torch.cat([h, skips.pop()], dim=-1)
                own = (next(keys) if block.spatial else None, camera[depth] if camera else None)
                h = run_block(block, self.recompute, h, time, *own)
                between_blocks()
            if level.resize is not None:
                h = level.resize(h)
        h = self.conv_out(functional.silu(self.norm_out(h), inplace=True))
        return h.permute(0, 4, 1, 2, 3)

    def _embed(self, timestep: Tensor, fps: Tensor | None) -> Tensor:
        if fps is None:
            fps = torch.full_like(timestep, self.config.default_fps)
        dtype = self.conv_in.weight.dtype
        channels = self.config.channels
        return self.time_embedding(sinusoidal_embedding(timestep, channels).to(dtype)) + self.fps_embedding(
            sinusoidal_embedding(fps, channels).to(dtype)
        )


def spatial_transformer(config: UNetConfig, channels: int) -> SpatialTransformer:
    """The spatial transformer of a block with `channels`."""
    return SpatialTransformer(channels, config.head_channels, config.context_channels, config.learnable_image_scale)


def embedding_mlp(channels: int, time_channels: int) -> nn.Sequential:
    """Two linear layers with a SiLU between: [B, channels] to [B, time_channels]."""
    return nn.Sequential(Linear(channels, time_channels), nn.SiLU(), Linear(time_channels, time_channels))


def split_context(context: Tensor, frames: int, published_parity: bool = False) -> ContextTokens:
    """The context as the cross-attention takes it: text, and the picture's tokens frame by frame.

    A clip shorter than the tokens provide for gets those of the first frames. The published code (published_parity)
    gives every frame all of them when their number is not 16 x frames.

    Args:
        context: [B, 77 + M, C], the text's tokens, then the picture's.
        frames: of the clip.
        published_parity: do as the published code does.
    """
    text, image = context[:, :TEXT_TOKENS], context[:, TEXT_TOKENS:]
    per_frame = 16
    if image.shape[1] == per_frame * frames:
        return ContextTokens(text, image.unflatten(1, (frames, per_frame)))
    if published_parity or image.shape[1] < per_frame * frames:
        return ContextTokens(text, image[:, None])
    return ContextTokens(text, image[:, : per_frame * frames].unflatten(1, (frames, per_frame)))
