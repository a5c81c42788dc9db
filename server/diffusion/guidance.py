"""Guidance: several network outputs become one. Outputs are [B, C, T, H, W] (or any shape with the batch first)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

CameraSchedule = Literal["constant", "cosine"]


@dataclass(frozen=True)
class GuidanceConfig:
    """scale: classifier-free guidance, 1 switches it (and all below) off. image_scale: the picture's own, `scale` is
    then the words'; None for one scale of both, as the published method has it. rescale: how much of the conditional
    output's standard deviation is restored. camera_scale: guidance towards the camera, 1 switches it off.
    """

    scale: float = 7.5
    image_scale: float | None = None
    rescale: float = 0.7
    camera_scale: float = 1.0
    camera_schedule: CameraSchedule = "constant"

    @property
    def uses_unconditional(self) -> bool:
        return self.scale != 1.0

    @property
    def uses_image_only(self) -> bool:
        return self.uses_unconditional and self.image_scale is not None

    @property
    def uses_no_camera(self) -> bool:
        return self.uses_unconditional and self.camera_scale != 1.0


def guide(
    config: GuidanceConfig,
    timestep: int,
    conditional: Tensor,
    unconditional: Tensor | None = None,
    no_camera: Tensor | None = None,
    image_only: Tensor | None = None,
    train_steps: int = 1000,
) -> Tensor:
    """The guided output. `no_camera` is the conditional output without the camera, `image_only` that without the words.

    Camera guidance acts before the rescale, which therefore tames it too.
    """
    if not config.uses_unconditional:
        return conditional
    if unconditional is None:
        raise ValueError(f"guidance {config.scale} needs the unconditional output")
    if config.image_scale is None:
        guided = classifier_free(conditional, unconditional, config.scale)
    elif image_only is None:
        raise ValueError(f"image guidance {config.image_scale} needs the output without the words")
    else:
        guided = text_and_image(conditional, image_only, unconditional, config.scale, config.image_scale)
    if config.uses_no_camera:
        if no_camera is None:
            raise ValueError(f"camera guidance {config.camera_scale} needs the output without the camera")
        weight = (config.camera_scale - 1.0) * camera_weight(config.camera_schedule, timestep, train_steps)
        guided = guided + weight * (conditional - no_camera)
    return rescaled(guided, conditional, config.rescale)


def classifier_free(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Away from the unconditional output, `scale` times the difference."""
    return unconditional + scale * (conditional - unconditional)


def text_and_image(
    conditional: Tensor, image_only: Tensor, unconditional: Tensor, text_scale: float, image_scale: float
) -> Tensor:
    """Separate scales for the picture and the words; `image_only` saw the picture without the words."""
    return unconditional + image_scale * (image_only - unconditional) + text_scale * (conditional - image_only)


def camera_weight(schedule: CameraSchedule, timestep: int, train_steps: int = 1000) -> float:
    """1 throughout, or a cosine from 1 at pure noise to 0 at the last timestep's end: the camera sets the layout."""
    if schedule == "constant":
        return 1.0
    return math.cos((1.0 - timestep / (train_steps - 1)) * math.pi / 2)


def rescaled(guided: Tensor, conditional: Tensor, amount: float) -> Tensor:
    """Give `guided` back the standard deviation of `conditional`, by `amount` (Lin et al. 2023, section 3.4)."""
    if amount == 0.0:
        return guided
    axes = list(range(1, guided.ndim))
    ratio = conditional.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
    return amount * (guided * ratio) + (1.0 - amount) * guided
