"""Depth Anything V2, metric, as the published model carries it: transformers' network, its own position table.

The published code resizes the position table by a scale factor with a tenth of a patch added, which moves every
position a little; transformers resizes to the exact size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class DepthConfig:
    """DINOv2 ViT-L with a DPT head. layers: 1-based backbone layers that feed the head."""

    width: int = 1024
    depth: int = 24
    heads: int = 16
    image_size: int = 518
    patch: int = 14
    layers: tuple[int, ...] = (5, 12, 18, 24)
    features: int = 256
    neck: tuple[int, ...] = (256, 512, 1024, 1024)
    maximum: int = 20


class PublishedEmbeddings(Dinov2Embeddings):
    """Position embeddings resized as DINOv2's own code does."""

    def interpolate_pos_encoding(self, embeddings: Tensor, height: int, width: int) -> Tensor:
        table = self.position_embeddings
        side = int((table.shape[1] - 1) ** 0.5)
        if embeddings.shape[1] == table.shape[1] and height == width:
            return table
        rows, columns = height // self.patch_size, width // self.patch_size
        grid = table[:, 1:].float().unflatten(1, (side, side)).permute(0, 3, 1, 2)
        grid = functional.interpolate(
            grid, scale_factor=((rows + 0.1) / side, (columns + 0.1) / side), mode="bicubic", antialias=False
        )
        patches = grid.flatten(2).transpose(1, 2).to(table.dtype)
        return torch.cat([table[:, :1], patches], dim=1)


def build_depth_network(config: DepthConfig) -> DepthAnythingForDepthEstimation:
    """The network without weights."""
    backbone = Dinov2Config(
        hidden_size=config.width,
        num_hidden_layers=config.depth,
        num_attention_heads=config.heads,
        image_size=config.image_size,
        patch_size=config.patch,
        out_indices=list(config.layers),
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    network = DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=backbone,
            patch_size=config.patch,
            reassemble_hidden_size=config.width,
            neck_hidden_sizes=list(config.neck),
            fusion_hidden_size=config.features,
            head_in_index=-1,
            depth_estimation_type="metric",
            max_depth=config.maximum,
        )
    )
    network.backbone.embeddings.__class__ = PublishedEmbeddings
    return network


def predict_depth(network: DepthAnythingForDepthEstimation, image: Tensor, patch: int = 14) -> Tensor:
    """[B, 3, H, W] in [0, 1] to metric depth [B, H, W], float32."""
    height, width = image.shape[-2:]
    inner = tuple(int(np.round(n / patch)) * patch for n in (height, width))
    mean = torch.tensor(IMAGENET_MEAN, device=image.device)[:, None, None]
    std = torch.tensor(IMAGENET_STD, device=image.device)[:, None, None]
    resized = functional.interpolate(image, inner, mode="bilinear", align_corners=True)
    weight = network.backbone.embeddings.cls_token
    depth = network(pixel_values=((resized - mean) / std).to(weight)).predicted_depth.float()
    return functional.interpolate(depth[:, None], (height, width), mode="bilinear", align_corners=True)[:, 0]
