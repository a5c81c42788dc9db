"""A batch as the step takes it, from what the frozen networks made of its frames and captions where that is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from server.model.clip_encoders import encode_image, encode_text
from server.model.config import LATENT_DOWNSAMPLE, TEXT_TOKENS
from server.model.model import RealCamModel
from server.training.conditions import Pictures, dropped
from server.training.data.posed_clips import PosedClips
from server.training.data.samples import Sample
from server.training.draws import StepDraws
from server.training.step import TrainingBatch

from .kept_outputs import KeptOutputs, kept_or_made, weights_digest

GREY = "grey"
"""Stands for the clip of a dropped picture."""


@dataclass(frozen=True, eq=False)
class FrozenOutputs:
    """What is kept of the frozen networks.

    Attributes:
        moments: of the VAE's posterior; the noise that picks of it is drawn anew each time.
        image: tokens of a picture; None to make them each time, since they take 10 to 30 times the moments' room.
        text: tokens of a caption.
    """

    moments: KeptOutputs
    image: KeptOutputs | None
    text: KeptOutputs

    def size_said(self, clips: PosedClips) -> str:
        """A sentence on the room that the cache takes when every frame has been seen."""
        kept = self.moments.bytes_of(clips) + (self.image.bytes_of(clips) if self.image else 0)
        total = kept + len(clips) * self.text.slot
        return f"The cache in {self.moments.folder} grows to at most {total / 1e9:.1f} GB"

    def encoded(
        self, model: RealCamModel, samples: Sequence[Sample], pictures: Pictures, draws: StepDraws, share: float
    ) -> TrainingBatch:
        """The batch; what is not kept yet is made and kept. See `server.training.conditions.encoded`.

        Args:
            model: encodes what is not kept.
            samples: where their frames are kept.
            pictures: the samples as a batch.
            draws: of the step.
            share: see `dropped`.
        """
        with torch.no_grad():
            moments = torch.cat([self._moments(model, s, v) for s, v in zip(samples, pictures.video, strict=True)])
            frames = len(samples[0].choice.indices)
            latents = model.vae.sampled(moments, draws.posterior)
            text_dropped, picture_dropped = dropped(draws.dropout, share)
            ids = torch.where(text_dropped[:, None], pictures.no_words, pictures.token_ids)
            text = torch.cat([self._text(model, own) for own in ids])
            images = [
                self._image(model, sample, video, int(reference), bool(grey))
                for sample, video, reference, grey in zip(
                    samples, pictures.video, draws.reference, picture_dropped, strict=True
                )
            ]
        return TrainingBatch(
            latents.unflatten(0, (len(samples), frames)).transpose(1, 2),
            torch.cat([text, torch.cat(images)], dim=1),
            pictures.speed,
            pictures.paths,
        )

    def _moments(self, model: RealCamModel, sample: Sample, video: Tensor) -> Tensor:
        made = kept_or_made(self.moments, sample.key, sample.choice.indices, lambda: model.vae.moments(video[None]))
        return made.float().to(model.device)

    def _image(self, model: RealCamModel, sample: Sample, video: Tensor, reference: int, grey: bool) -> Tensor:
        def make() -> Tensor:
            picture = video[None, :, reference] * (not grey)
            return model.resampler(encode_image(model.image_encoder, picture, model.config.clip.image_size))

        if self.image is None:
            return make()
        key, slot = (GREY, 0) if grey else (sample.key, sample.choice.indices[reference])
        return kept_or_made(self.image, key, [slot], make).to(model.device)

    def _text(self, model: RealCamModel, ids: Tensor) -> Tensor:
        key = hashlib.sha256(ids.cpu().numpy().tobytes()).hexdigest()[:32]
        return kept_or_made(self.text, key, [0], lambda: encode_text(model.text_encoder, ids[None])).to(model.device)


def frozen_outputs(model: RealCamModel, folder: Path, size: tuple[int, int], with_image_tokens: bool) -> FrozenOutputs:
    """The cache of a model's frozen networks in a folder; what others made there is not read.

    Args:
        model: whose weights name what is kept; each network's outputs are kept in the type that it gives.
        folder: of the cache.
        size: (width, height) of a frame, pixels.
        with_image_tokens: keep those of pictures too.
    """
    config, (width, height) = model.config, size
    latent = (2 * config.vae.latent_channels, height // LATENT_DOWNSAMPLE, width // LATENT_DOWNSAMPLE)
    vae, text = weights_digest(model.vae.network), weights_digest(model.text_encoder)
    moments = KeptOutputs(folder, f"moments-{vae}-{width}x{height}", latent, "float32")
    words = KeptOutputs(folder, f"text-{text}", (TEXT_TOKENS, config.clip.text_width), _dtype(model.text_encoder))
    if not with_image_tokens:
        return FrozenOutputs(moments, None, words)
    with torch.no_grad():
        grey = torch.zeros((1, 3, height, width), device=model.device)
        shape = model.resampler(encode_image(model.image_encoder, grey, config.clip.image_size)).shape[1:]
    image = f"image-{weights_digest(model.image_encoder, model.resampler)}-{width}x{height}"
    return FrozenOutputs(moments, KeptOutputs(folder, image, tuple(shape), _dtype(model.resampler)), words)


def _dtype(network: torch.nn.Module) -> str:
    return str(next(network.parameters()).dtype).removeprefix("torch.")
