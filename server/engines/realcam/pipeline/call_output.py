"""What a call of the pipeline gives: frames in the forms that diffusers' pipelines give them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.utils import BaseOutput
from PIL import Image

from blender_addon.core.arrays import UInt8


@dataclass
class RealCamPipelineOutput(BaseOutput):
    """The output of a call.

    Attributes:
        frames: of one clip, as a batch of one: a list of a list of PIL images, an array [1, F, H, W, 3] float32 from 0
            to 1, or a tensor [1, F, 3, H, W] of the same.
    """

    frames: Any


def output_frames(frames: UInt8, output_type: str) -> Any:
    """Frames in one of those forms.

    Args:
        frames: [F, H, W, 3] uint8.
        output_type: "pil", "np" or "pt".
    """
    if output_type == "pil":
        return [[Image.fromarray(frame) for frame in frames]]
    floats = torch.from_numpy(frames).float()[None] / 255.0
    return floats.permute(0, 1, 4, 2, 3) if output_type == "pt" else floats.numpy()
