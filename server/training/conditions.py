"""The conditions of a training sample: its tokens, and what of text and picture is dropped."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from server.model.config import ModelConfig
from server.model.model import RealCamModel
from server.model.sampling.conditions import context_tokens

from .data.camera_paths import CameraPaths
from .draws import StepDraws
from .step import TrainingBatch

DROPPED_SHARE = 0.05
"""Share of the samples that lose the text alone, the picture alone, and both: three times this in all."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """A batch of clips as pictures and words.

    Attributes:
        video: [B, 3, T, H, W] in [-1, 1].
        token_ids: [B, 77] int64, the captions.
        no_words: [77] int64, the empty text.
        speed: [B] int64, what the network is told of the clips' speed, see `speed_value`.
        paths: the cameras.
    """

    video: Tensor
    token_ids: Tensor
    no_words: Tensor
    speed: Tensor
    paths: CameraPaths


def speed_value(config: ModelConfig, stride: int, fps: float) -> int:
    """What the network is told of a clip's speed: the stride, or the frames per second that it leaves, cut.

    Args:
        config: says which of the two.
        stride: frames of the source from one frame of the clip to the next.
        fps: of the clip, after the stride.
    """
    return stride if config.fps_condition == "stride" else int(fps)


def dropped(uniform: Tensor, share: float = DROPPED_SHARE) -> tuple[Tensor, Tensor]:
    """Which samples lose their text and which their picture, two [B] bool; compared in float32.

    Args:
        uniform: [B] draws in [0, 1).
        share: of samples that lose the text alone, the picture alone, and both.
    """
    uniform = uniform.float()
    return uniform < 2 * share, (uniform >= share) & (uniform < 3 * share)


def encoded(model: RealCamModel, pictures: Pictures, draws: StepDraws, share: float = DROPPED_SHARE) -> TrainingBatch:
    """The batch as the step takes it: latents, and tokens of what is left of text and picture.

    A dropped text is the empty one; a dropped picture is grey before the image encoder. The latents beside the noise
    and the camera are never dropped.

    Args:
        model: encodes.
        pictures: the clips.
        draws: of the step.
        share: see `dropped`.
    """
    with torch.no_grad():
        return _encoded(model, pictures, draws, share)


def _encoded(model: RealCamModel, pictures: Pictures, draws: StepDraws, share: float) -> TrainingBatch:
    latents = model.vae.encode(pictures.video, lambda _: draws.posterior)
    text_dropped, picture_dropped = dropped(draws.dropout, share)
    ids = torch.where(text_dropped[:, None], pictures.no_words, pictures.token_ids)
    samples = torch.arange(len(ids), device=ids.device)
    picture = pictures.video[samples, :, draws.reference] * ~picture_dropped[:, None, None, None]
    return TrainingBatch(latents, context_tokens(model, ids, picture), pictures.speed, pictures.paths)
