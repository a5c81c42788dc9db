"""The measurements on held-out clips at one step of a training."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
from accelerate import Accelerator
from PIL import Image

from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.errors import RealCamError
from server.model.model import RealCamModel
from server.reconstruction.scale import DepthMap
from server.training.config import TrainingConfig
from server.training.data.aligned_clips import AlignedClip
from server.training.data.first_depth import read_frame_depth
from server.training.data.frame_choice import FrameChoice
from server.training.data.opening import open_clips
from server.training.data.posed_clips import PosedClips, TrainingClip
from server.training.data.samples import VALIDATION_STRIDE, Sample, chosen_sample
from server.training.memory import is_out_of_memory, validation_out_of_memory
from server.training.reporting.contact_sheet import contact_sheet
from server.training.sharding.precision import autocast

from .fixed_loss import FixedBatch, fixed_batches, fixed_loss
from .sampled_clips import SampledClip, mean_errors, sampled_clip

log = logging.getLogger("realcam.training")

SAMPLES, FINDINGS = "samples", "validation"
"""Folders in a training's own: of the contact sheets, and of what was found of the clips."""
SHOWN = 6
"""Frames of a clip that a contact sheet shows, from the first to the last, at most; made ones below true ones."""


def held_out_clips(config: TrainingConfig) -> PosedClips | None:
    """The clips to validate on; None where there are none, or nothing is to be measured.

    Raises:
        DataError: those that the configuration names cannot be used.
    """
    data = config.validation.data
    if data is None:
        folder = Path(config.data.train).with_name("validation")
        if config.data.layout != "aligned" or not folder.is_dir():
            return None
        data = msgspec.structs.replace(config.data, train=str(folder), records="")
    data = msgspec.structs.replace(data, scale=config.data.scale)
    return open_clips(data, config.model.frames, Path(config.out) / FINDINGS) if config.validation.every else None


@dataclass(frozen=True, eq=False)
class Validation:
    """What is measured, and on what.

    Attributes:
        model: that is trained.
        config: of the training.
        accelerator: its precision is the measurement's.
        clips: that are held out; each gives its first frames at the published validation's stride.
    """

    model: RealCamModel
    config: TrainingConfig
    accelerator: Accelerator
    clips: PosedClips

    def __call__(self, step: int) -> dict[str, float]:
        """Points on the curves by their names; a contact sheet is written beside them.

        Args:
            step: optimizer steps done.

        Raises:
            TrainingError: memory is too small.
        """
        settings = self.config.validation
        try:
            batches = self._batches  # encoded in float32, as those that are trained on
            with _evaluating(self.model), autocast(self.accelerator, self.config.run.precision):
                values = fixed_loss(self.model, batches, settings.timesteps, self.config.rules())
                made, failed = self._sampled()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise validation_out_of_memory(error) from error
        if made:
            count = self.config.model.frames
            shown = np.unique(np.linspace(0, count - 1, min(SHOWN, count)).round().astype(int))
            sheet = contact_sheet([(clip.truth[shown], clip.frames[shown]) for clip in made])
            folder = Path(self.config.out) / SAMPLES
            folder.mkdir(parents=True, exist_ok=True)
            sheet.save(folder / f"step-{step:08d}.png")
            self._show(sheet, step)
        return {f"validation/{name}": value for name, value in (values | mean_errors(made, failed)).items()}

    def _sampled(self) -> tuple[list[SampledClip], int]:
        """Clips that the network made, and how many it could not make: it may give no numbers yet."""
        settings, made, failed = self.config.validation, [], 0
        for clip, sample in self._samples(settings.sampled_clips):
            try:
                made.append(
                    sampled_clip(self.model, sample, first_depth(clip), settings.sampling_steps, settings.guidance)
                )
            except RealCamError as error:
                failed += 1
                log.warning("%s was not made: %s", sample.clip, error.sentence)
        return made, failed

    @cached_property
    def _batches(self) -> list[FixedBatch]:
        samples = [sample for _, sample in self._samples(self.config.validation.loss_clips)]
        shares = self.config.mix.shares()
        return fixed_batches(self.model, samples, max(shares, key=lambda style: shares[style]))

    def _samples(self, most: int) -> Iterator[tuple[TrainingClip, Sample]]:
        for index in range(min(most, len(self.clips))):
            clip = self.clips[index]
            yield clip, first_sample(clip, self.config)

    def _show(self, sheet: Image.Image, step: int) -> None:
        for tracker in self.accelerator.trackers:
            if tracker.name == "wandb":
                tracker.log_images({"validation/samples": [sheet]}, step=step)
            else:
                tracker.log_images({"validation/samples": np.asarray(sheet)[None]}, step=step, dataformats="NHWC")


def first_sample(clip: TrainingClip, config: TrainingConfig) -> Sample:
    """A clip's first frames at the published validation's stride, or at the largest that fits.

    Args:
        clip: that `refusal` has nothing against.
        config: says size and number of the frames.
    """
    count = config.model.frames
    fits = max(1, (len(clip.camera_to_world) - 1) // max(1, count - 1))
    choice = FrameChoice(0, min(VALIDATION_STRIDE, fits), count)
    return chosen_sample(clip, config.frame_size, choice, config.published)


def first_depth(clip: TrainingClip) -> DepthMap | None:
    """The depth of a clip's first frame, where it lies beside the frames as `realcam data render` writes it.

    In the clip's unit of length, as its cameras are: metres, unless the scale is relative.
    """
    if not isinstance(clip, AlignedClip) or not clip.depth.is_file():
        return None
    depth = read_frame_depth(clip.depth) / np.float32(clip.unit)
    rows, columns = depth.shape
    return DepthMap(depth, scaled_intrinsics(clip.intrinsics[0], clip.size, (columns, rows)))


@contextmanager
def _evaluating(model: RealCamModel) -> Iterator[None]:
    """Without the base's dropout."""
    training = model.unet.training
    model.unet.eval()
    try:
        yield
    finally:
        model.unet.train(training)
