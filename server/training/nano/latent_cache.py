"""Posteriors of clips' latents on disk: a clip is encoded when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from server.model.config import LATENT_DOWNSAMPLE, NANO
from server.model.vae import VideoVae
from server.training.feeding.kept_outputs import KeptOutputs, kept_or_made, weights_digest

from .world_clips import WorldClips


@dataclass(frozen=True, eq=False)
class LatentCache:
    """The clips of one split as one VAE encodes them.

    Attributes:
        vae: encodes; what another one made is not read.
        folder: of the files.
    """

    vae: VideoVae
    folder: Path

    def latent(self, clips: WorldClips, clip: int, noise: Tensor) -> Tensor:
        """The scaled latents that noise picks of a clip's posteriors.

        Args:
            clips: the split.
            clip: index.
            noise: standard normal, [T, C, h, w].

        Returns:
            [C, T, h, w] float32.
        """

        def make() -> Tensor:
            return self.vae.moments(clips.pictures([(clip, frame) for frame in frames]).transpose(0, 1)[None])

        frames = range(clips.frames)
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            moments = kept_or_made(self._kept, clips.names[clip], frames, make).float()
            return self.vae.sampled(moments, noise).transpose(0, 1)

    @cached_property
    def vae_digest(self) -> str:
        """A hash of the VAE's weights."""
        return weights_digest(self.vae.network)

    @cached_property
    def _kept(self) -> KeptOutputs:
        width, height = NANO.size
        shape = (2 * NANO.vae.latent_channels, height // LATENT_DOWNSAMPLE, width // LATENT_DOWNSAMPLE)
        return KeptOutputs(self.folder, f"moments-{self.vae_digest}", shape, "float16")
