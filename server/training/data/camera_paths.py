"""The cameras of a batch of clips as tensors, without the network that reads them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class CameraPaths:
    """The cameras of a batch of clips, in each clip's own world and unit.

    Attributes:
        camera_to_world: [B, T, 4, 4], best float64.
        intrinsics: [B, T, 3, 3], pixels of the frames.
        frame_scales: [B, T], metres per unit of length as each frame's depth says.
    """

    camera_to_world: Tensor
    intrinsics: Tensor
    frame_scales: Tensor

    def to(self, device: torch.device | str) -> CameraPaths:
        """The same on another device."""
        return CameraPaths(self.camera_to_world.to(device), self.intrinsics.to(device), self.frame_scales.to(device))
