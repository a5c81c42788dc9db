"""One training step of the camera modules, as a function of a batch and its random draws."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from server.diffusion.noising import Noised, NoisingTables, noised, noising_tables
from server.diffusion.schedule import noise_schedule
from server.geometry.relative_poses import PUBLISHED, CameraConventions
from server.model.config import LATENT_DOWNSAMPLE
from server.model.model import RealCamModel
from server.model.unet.unet import split_context

from .camera import SeenCamera, in_half_precision, seen_camera
from .concat import training_concat
from .correspondence.told_attention import told_camera
from .data.camera_paths import CameraPaths
from .draws import StepDraws


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """B clips as the network sees them.

    Attributes:
        latents: clean, [B, 4, T, h, w], scaled.
        context: [B, 77 + 16 frames, C], the text's tokens, then the picture's.
        speed: [B] int64, what the network is told of the clips' speed.
        paths: the cameras.
        points: [B, T, h, w, 2] for cells of the finest masked level, see `seen_points`; None where nobody asked.
    """

    latents: Tensor
    context: Tensor
    speed: Tensor
    paths: CameraPaths
    points: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a frame, pixels."""
        height, width = self.latents.shape[-2:]
        return width * LATENT_DOWNSAMPLE, height * LATENT_DOWNSAMPLE


@dataclass(frozen=True)
class StepRules:
    """What of the step can be chosen.

    Attributes:
        half_precision: round the schedule's tables and the cameras to float16, as the published run does.
        conventions: of the epipolar masks.
        correspondence: weight of the loss that tells the epipolar attention where to look, see `correspondence`.
        with_camera: False leaves the camera modules out: the frozen base's own loss.
    """

    half_precision: bool = False
    conventions: CameraConventions = PUBLISHED
    correspondence: float = 0.0
    with_camera: bool = True


STEP_RULES = StepRules()
"""The published step with its mistakes mended."""


@dataclass(frozen=True, eq=False)
class StepResult:
    """What a step computed.

    Attributes:
        loss: the mean over the batch, with gradients; with the weighed loss of correspondence.
        loss_per_sample: [B] float32, detached, without it.
        prediction: [B, 4, T, h, w] float32, what the network put out.
        noised: what it was given and should have put out.
    """

    loss: Tensor
    loss_per_sample: Tensor
    prediction: Tensor
    noised: Noised


def training_step(
    model: RealCamModel,
    batch: TrainingBatch,
    draws: StepDraws,
    rules: StepRules = STEP_RULES,
    camera: SeenCamera | None = None,
) -> StepResult:
    """The loss of a batch: the mean squared error of what the network puts out for noised latents.

    Args:
        model: its UNet and pose encoder run; gradients flow to what `freeze` left to learn.
        batch: the clips.
        draws: of the step; `posterior` and `dropout` went into the batch.
        rules: what can be chosen.
        camera: rays and masks of the batch; None makes them.
    """
    if camera is None and rules.with_camera:
        camera = batch_camera(model, batch, draws, rules)
    terms: list[Tensor] = []
    if camera is not None and rules.correspondence and batch.points is not None:
        registers, step = model.config.unet.register_tokens, int(draws.timestep.sum())
        cell = min(model.config.unet.mask_cells)
        camera, terms = told_camera(camera, batch.points, draws.reference, registers, step, cell)
    seen = camera.encoded(model.pose_encoder) if camera is not None and rules.with_camera else None
    made = noised(
        step_tables(model, rules), model.config.schedule.prediction, batch.latents, draws.noise, draws.timestep
    )
    concat = training_concat(batch.latents, draws.reference, draws.style)
    context = model.unet.bind_context(split_context(batch.context, batch.latents.shape[2]))
    x = torch.cat([made.latent, concat.float()], dim=1)
    prediction = model.unet(x, draws.timestep, context, seen, batch.speed).float()
    per_sample = (prediction - made.target).square().flatten(1).mean(dim=1)
    loss = per_sample.mean()
    if terms:
        loss = loss + rules.correspondence * torch.stack(terms).mean()
    return StepResult(loss, per_sample.detach(), prediction, made)


def batch_camera(
    model: RealCamModel, batch: TrainingBatch, draws: StepDraws, rules: StepRules = STEP_RULES
) -> SeenCamera:
    """Rays and masks of a batch, which `training_step` makes itself where they are not given."""
    paths = in_half_precision(batch.paths) if rules.half_precision else batch.paths
    device = batch.latents.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else model.dtype
    return seen_camera(
        model.config.unet, paths, draws.reference, draws.perturbation, batch.size, rules.conventions, dtype
    )


def step_tables(model: RealCamModel, rules: StepRules = STEP_RULES) -> NoisingTables:
    """The schedule's coefficients as the step uses them."""
    return noising_tables(noise_schedule(model.config.schedule), rules.half_precision, model.device)
