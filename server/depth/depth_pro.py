"""Depth Pro through transformers: metric depth and the field of view."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate
from transformers import DepthProConfig, DepthProForDepthEstimation

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.projection import intrinsics_matrix

from .loading import pretrained
from .predictor import DepthEstimate, PredictorCard

SIDE = 1536
"""Pixels of the square that the published network takes, whatever the photo's aspect."""
INVERSE_DEPTH = (1e-4, 1e4)
"""Bounds of 1 / metres, as published."""


_ENCODER = {
    "model_type": "dinov2",
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 16,
    "image_size": 384,
    "use_mask_token": False,
}
"""Configuration of each of the three encoders, a ViT-L/16; transformers' own default is smaller."""


def configuration() -> DepthProConfig:
    """The published network's architecture, 952 million parameters."""
    return DepthProConfig(
        image_model_config=dict(_ENCODER),
        patch_model_config=dict(_ENCODER),
        fov_model_config=dict(_ENCODER),
        use_fov_model=True,
    )


class DepthPro:
    """A DepthPredictor: depth in metres and the field of view."""

    def __init__(
        self, card: PredictorCard, network: DepthProForDepthEstimation, device: torch.device, side: int = SIDE
    ) -> None:
        self._card = card
        self._network = network.to(device).eval()
        self._device = device
        self._side = side

    @property
    def card(self) -> PredictorCard:
        """Name, licence and limits."""
        return self._card

    @classmethod
    def load(cls, card: PredictorCard, weights: Path, device: torch.device) -> DepthPro:
        """Load the network.

        Args:
            card: of Depth Pro.
            weights: a model.safetensors, or a folder for transformers.
            device: where it runs.

        Raises:
            OSError: the weights cannot be read.
            PredictorError: they are damaged, or of another network.
        """
        network = pretrained(DepthProForDepthEstimation, weights, configuration(), use_fov_model=True)
        return cls(card, network, device)

    def predict(self, photo: UInt8) -> DepthEstimate:
        """Metric depth and intrinsics of a photo.

        Args:
            photo: [H, W, 3] uint8 sRGB.

        Returns:
            Depth [H, W] float32 metres along z; intrinsics with square pixels and the principal point in the middle.
        """
        height, width = photo.shape[:2]
        picture = torch.from_numpy(photo).permute(2, 0, 1)[None].float().to(self._device) / 127.5 - 1
        square = interpolate(picture, size=(self._side, self._side), mode="bilinear", align_corners=False)
        with torch.no_grad():
            out = self._network(square)
        focal = focal_from_fov(width, float(out.field_of_view.flatten()[0]))
        # The network's inverse depth is that of a camera whose focal length is the picture's width.
        inverse = out.predicted_depth.reshape(1, 1, *out.predicted_depth.shape[-2:]) * (width / focal)
        inverse = interpolate(inverse, size=(height, width), mode="bilinear", align_corners=False)[0, 0]
        depth = (1 / inverse.clamp(*INVERSE_DEPTH)).cpu().numpy().astype(np.float32)
        return DepthEstimate(depth, intrinsics_matrix(focal, focal, width / 2, height / 2))


def focal_from_fov(width: int, degrees: float) -> float:
    """Focal length in pixels of a picture, from its horizontal field of view.

    Args:
        width: pixels.
        degrees: horizontal field of view.
    """
    return float(0.5 * width / np.tan(0.5 * np.radians(degrees)))
