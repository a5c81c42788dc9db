"""Classifier-free and camera guidance: several network outputs become one.

Outputs are [B, C, T, H, W], or of any shape with the batch first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

CameraSchedule = Literal["constant", "cosine"]


@dataclass(frozen=True)
class GuidanceConfig:
    """Which guidance is applied, and how strongly.

    Attributes:
        scale: classifier-free guidance; 1 switches it off. With an `image_scale`, the prompt's alone.
        image_scale: guidance towards the picture; None for one scale of prompt and picture, as the published method has
            it.
        rescale: 0 to 1, how much of the conditional output's standard deviation is restored.
        camera_scale: guidance towards the camera; 1 switches it off. It works without the others, where the published
            code ignores it when `scale` is 1.
        camera_schedule: how the camera guidance depends on the timestep, see `camera_weight`.
    """

    scale: float = 7.5
    image_scale: float | None = None
    rescale: float = 0.7
    camera_scale: float = 1.0
    camera_schedule: CameraSchedule = "constant"

    @property
    def uses_unconditional(self) -> bool:
        """Whether the output without prompt and picture is needed."""
        return self.scale != 1.0 or self.uses_image_only

    @property
    def uses_image_only(self) -> bool:
        """Whether the output with the picture and without the prompt is needed."""
        return self.image_scale is not None

    @property
    def uses_no_camera(self) -> bool:
        """Whether the output without the camera is needed."""
        return self.camera_scale != 1.0


def guide(
    config: GuidanceConfig,
    timestep: int,
    conditional: Tensor,
    unconditional: Tensor | None = None,
    no_camera: Tensor | None = None,
    image_only: Tensor | None = None,
    train_steps: int = 1000,
) -> Tensor:
    """The guided output.

    Camera guidance acts before the rescale, which therefore limits it too.

    Args:
        config: which guidance to apply.
        timestep: of the training schedule, 0 to train_steps - 1.
        conditional: the output with prompt, picture and camera.
        unconditional: the output without prompt and picture.
        no_camera: the conditional output without the camera.
        image_only: the conditional output without the prompt.
        train_steps: length of the training schedule.

    Returns:
        A tensor like `conditional`; `conditional` itself when guidance is off.

    Raises:
        ValueError: an output that `config` uses is None.
    """
    if not (config.uses_unconditional or config.uses_no_camera):
        return conditional
    guided = conditional
    if config.uses_unconditional:
        guided = _towards_prompt_and_picture(config, conditional, unconditional, image_only)
    if config.uses_no_camera:
        if no_camera is None:
            raise ValueError(f"camera guidance {config.camera_scale} needs the output without the camera")
        weight = (config.camera_scale - 1.0) * camera_weight(config.camera_schedule, timestep, train_steps)
        guided = guided + weight * (conditional - no_camera)
    return rescaled(guided, conditional, config.rescale)


def _towards_prompt_and_picture(
    config: GuidanceConfig, conditional: Tensor, unconditional: Tensor | None, image_only: Tensor | None
) -> Tensor:
    if unconditional is None:
        raise ValueError(f"guidance {config.scale} needs the unconditional output")
    if config.image_scale is None:
        return classifier_free(conditional, unconditional, config.scale)
    if image_only is None:
        raise ValueError(f"image guidance {config.image_scale} needs the output without the words")
    return text_and_image(conditional, image_only, unconditional, config.scale, config.image_scale)


def classifier_free(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """The output moved away from the unconditional one: the difference between the two times `scale`."""
    return unconditional + scale * (conditional - unconditional)


def text_and_image(
    conditional: Tensor, image_only: Tensor, unconditional: Tensor, text_scale: float, image_scale: float
) -> Tensor:
    """The output guided with separate scales for the picture and the prompt.

    Args:
        conditional: the output with prompt and picture.
        image_only: the output with the picture alone.
        unconditional: the output with neither.
        text_scale: on the difference that the prompt makes.
        image_scale: on the difference that the picture makes.
    """
    return unconditional + image_scale * (image_only - unconditional) + text_scale * (conditional - image_only)


def camera_weight(schedule: CameraSchedule, timestep: int, train_steps: int = 1000) -> float:
    """The factor on camera guidance at a timestep: the camera decides the layout, which is set while noise is high.

    Args:
        schedule: "constant" for 1 throughout; "cosine" from 1 at pure noise to 0 at timestep 0.
        timestep: 0 to train_steps - 1.
        train_steps: length of the training schedule.

    Returns:
        0 to 1.
    """
    if schedule == "constant":
        return 1.0
    return math.cos((1.0 - timestep / (train_steps - 1)) * math.pi / 2)


def rescaled(guided: Tensor, conditional: Tensor, amount: float) -> Tensor:
    """The guided output with the standard deviation of the conditional one (Lin et al. 2023, section 3.4).

    Args:
        guided: the output after guidance.
        conditional: the output before it.
        amount: 0 leaves `guided` as it is, 1 restores the standard deviation fully; between, the two are mixed.
    """
    if amount == 0.0:
        return guided
    axes = list(range(1, guided.ndim))
    ratio = conditional.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
    return amount * (guided * ratio) + (1.0 - amount) * guided
