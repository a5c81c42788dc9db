"""The loss on fixed clips at fixed noise, and how much what is predicted depends on the camera.

The loss of a training step is mostly decided by the timestep that was drawn: it stays flat while a camera is learned.
Here nothing is drawn anew, and each clip is predicted three times: with its camera, without one, and with another
clip's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from server.model.config import LATENT_DOWNSAMPLE
from server.model.model import RealCamModel
from server.model.sampling.conditions import ConcatStyle
from server.training.batches import pictures_of
from server.training.conditions import encoded
from server.training.data.samples import Sample
from server.training.draws import STYLES, StepDraws, draw_step, sample_generator
from server.training.step import StepRules, TrainingBatch, batch_camera, training_step

DRAWS_SEED = 20230211
"""Of the noise, whatever the training's own is, so that trainings can be compared."""


@dataclass(frozen=True, eq=False)
class FixedBatch:
    """One clip as the network sees it at every validation.

    Attributes:
        batch: of one sample, nothing dropped.
        draws: of which the timestep is replaced; the condition frame is the first.
    """

    batch: TrainingBatch
    draws: StepDraws


def fixed_batches(model: RealCamModel, samples: Sequence[Sample], style: ConcatStyle) -> list[FixedBatch]:
    """The clips, encoded once.

    Args:
        model: encodes.
        samples: the clips.
        style: of the latents beside the noise.
    """
    made = []
    for index, sample in enumerate(samples):
        frames, height, width = sample.video.shape[1:]
        latent_size = height // LATENT_DOWNSAMPLE, width // LATENT_DOWNSAMPLE
        draws = draw_step(sample_generator(DRAWS_SEED, index), model.config, frames, latent_size)
        fixed = replace(
            draws, reference=torch.zeros_like(draws.reference), style=torch.full_like(draws.style, STYLES.index(style))
        ).to(model.device)
        made.append(FixedBatch(encoded(model, pictures_of(model, [sample]), fixed, 0.0), fixed))
    return made


def fixed_loss(
    model: RealCamModel, batches: Sequence[FixedBatch], timesteps: Sequence[int], rules: StepRules
) -> dict[str, float]:
    """Points on the curves by their names, means over the clips and, but for loss/t..., over the timesteps.

    loss, loss_without_camera, loss_of_another_camera; change_by_camera: how far the prediction is from that without
    a camera, and change_by_another_camera from that with another clip's, as shares of the prediction's size (root mean
    squares).

    Args:
        model: in evaluation mode.
        batches: the clips.
        timesteps: at which each is noised.
        rules: of the step.
    """
    found: dict[str, list[float]] = defaultdict(list)
    with torch.no_grad():
        for index, fixed in enumerate(batches):
            other = replace(fixed.batch, paths=batches[(index + 1) % len(batches)].batch.paths)
            own_camera = batch_camera(model, fixed.batch, fixed.draws, rules)
            other_camera = batch_camera(model, other, fixed.draws, rules)
            for timestep in timesteps:
                draws = replace(fixed.draws, timestep=torch.full_like(fixed.draws.timestep, timestep))
                own = training_step(model, fixed.batch, draws, rules, own_camera)
                none = training_step(model, fixed.batch, draws, replace(rules, with_camera=False))
                found["loss"].append(float(own.loss))
                found[f"loss/t{timestep:03d}"].append(float(own.loss))
                found["loss_without_camera"].append(float(none.loss))
                found["change_by_camera"].append(_share(own.prediction - none.prediction, own.prediction))
                if len(batches) > 1:
                    wrong = training_step(model, fixed.batch, draws, rules, other_camera)
                    found["loss_of_another_camera"].append(float(wrong.loss))
                    found["change_by_another_camera"].append(_share(own.prediction - wrong.prediction, own.prediction))
    return means(found)


def means(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The mean of each name's numbers."""
    return {name: sum(numbers) / len(numbers) for name, numbers in values.items()}


def _share(difference: Tensor, whole: Tensor) -> float:
    return float(difference.square().mean().sqrt() / whole.square().mean().sqrt())
