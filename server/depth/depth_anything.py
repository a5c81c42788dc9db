"""Depth Anything V2 Metric through transformers, computing what the published network computes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from blender_addon.core.arrays import UInt8

from .loading import pretrained
from .predictor import DepthEstimate, PredictorCard, PredictorError
from .published_weights import converted, read_published

PATCH = 14
"""Pixels on each side of a token's patch."""
SHORTER_SIDE = 518
"""Pixels of the shorter side, at which the network was trained."""
POSITION_OFFSET = 0.1
"""Added to the token grid's size before the position embedding is scaled to it; part of the published network."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

SIZES = {
    "small": (384, 12, 6, 64, (48, 96, 192, 384), (3, 6, 9, 12)),
    "base": (768, 12, 12, 128, (96, 192, 384, 768), (3, 6, 9, 12)),
    "large": (1024, 24, 16, 256, (256, 512, 1024, 1024), (5, 12, 18, 24)),
}
"""By name: width, layers, heads, fusion width, neck widths, tapped stages (counted from 1)."""


class DepthAnything:
    """A DepthPredictor: depth in metres, without a field of view."""

    def __init__(self, card: PredictorCard, network: DepthAnythingForDepthEstimation, device: torch.device) -> None:
        self._card = card
        self._network = with_published_positions(network).to(device).eval()
        self._device = device

    @property
    def card(self) -> PredictorCard:
        """Name, licence and limits."""
        return self._card

    @classmethod
    def load(cls, card: PredictorCard, weights: Path, device: torch.device) -> DepthAnything:
        """Load the network.

        Args:
            card: which one.
            weights: a model.safetensors, a folder for transformers, or a published .pth file.
            device: where it runs.

        Raises:
            OSError: the weights cannot be read.
            PredictorError: the file cannot be read, or its weights are of another network.
        """
        if weights.is_file() and weights.suffix != ".safetensors":
            network = DepthAnythingForDepthEstimation(configuration(card))
            _fill(network, weights)
        else:
            network = pretrained(DepthAnythingForDepthEstimation, weights, configuration(card))
        return cls(card, network, device)

    def predict(self, photo: UInt8) -> DepthEstimate:
        """Metric depth of a photo, at a shorter side of SHORTER_SIDE, or at the photo's own size if that is smaller.

        This is the size at which RealCam ran it.

        Args:
            photo: [H, W, 3] uint8 sRGB.

        Returns:
            Depth [h, w] float32 metres along z; no intrinsics.
        """
        picture = torch.from_numpy(photo).permute(2, 0, 1).float().to(self._device) / 255
        height, width = picture.shape[1:]
        shrink = min(1.0, SHORTER_SIDE / min(height, width))
        if shrink < 1:
            size = (round(height * shrink), round(width * shrink))
            picture = interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]
        depth = metric_depth(self._network, picture)
        return DepthEstimate(depth.cpu().numpy().astype(np.float32), None)


def _fill(network: DepthAnythingForDepthEstimation, weights: Path) -> None:
    try:
        network.load_state_dict(converted(read_published(weights)))
    except RuntimeError as error:  # what torch raises for missing, unknown and wrongly shaped tensors
        first = str(error).splitlines()[1].strip()
        raise PredictorError("The weights are of another size of network", f"{weights.name}: {first}") from error


def configuration(card: PredictorCard) -> DepthAnythingConfig:
    """The published architecture for the size and depth range of a card."""
    width, layers, heads, fusion, neck, taps = SIZES[card.name.rsplit("-", 1)[1]]
    backbone = Dinov2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=SHORTER_SIDE,
        patch_size=PATCH,
        out_features=[f"stage{tap}" for tap in taps],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    return DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=width,
        neck_hidden_sizes=list(neck),
        fusion_hidden_size=fusion,
        head_hidden_size=32,
        patch_size=PATCH,
        depth_estimation_type="metric",
        max_depth=None if card.farthest is None else int(card.farthest),
    )


def network_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) rounded to multiples of PATCH, half to even, as published; at least one patch."""
    rounded = np.maximum(np.round(np.array([height, width]) / PATCH), 1) * PATCH
    return int(rounded[0]), int(rounded[1])


def metric_depth(network: DepthAnythingForDepthEstimation, picture: Tensor) -> Tensor:
    """Depth of a picture, computed at the nearest size that the network takes.

    Args:
        network: in evaluation mode, with published positions.
        picture: [3, H, W] in 0..1.

    Returns:
        [H, W] metres along z.
    """
    height, width = picture.shape[1:]
    size = network_size(height, width)
    mean, std = (picture.new_tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    resized = interpolate(picture[None], size=size, mode="bilinear", align_corners=True)
    with torch.no_grad():
        depth = network((resized - mean) / std).predicted_depth
    return interpolate(depth[:, None], size=(height, width), mode="bilinear", align_corners=True)[0, 0]


def with_published_positions(network: DepthAnythingForDepthEstimation) -> DepthAnythingForDepthEstimation:
    """The network, with the published scaling of the position embedding put in place; the depth differs by it."""
    embeddings = network.backbone.embeddings
    embeddings.interpolate_pos_encoding = partial(_positions, embeddings.position_embeddings)
    return network


def _positions(stored: Tensor, tokens: Tensor, height: int, width: int) -> Tensor:
    """The position embedding for a token grid, scaled from the stored square one.

    Args:
        stored: [1, 1 + side * side, C], the class token's first.
        tokens: [B, 1 + rows * columns, C].
        height, width: of the picture, pixels.

    Returns:
        [1, 1 + rows * columns, C].
    """
    if tokens.shape[1] == stored.shape[1] and height == width:
        return stored
    rows, columns = height // PATCH, width // PATCH
    side = round((stored.shape[1] - 1) ** 0.5)
    grid = stored[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    factors = ((rows + POSITION_OFFSET) / side, (columns + POSITION_OFFSET) / side)
    scaled = interpolate(grid, scale_factor=factors, mode="bicubic", antialias=False)
    flat = scaled.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)
    return torch.cat([stored[:, :1], flat.to(stored.dtype)], dim=1)
