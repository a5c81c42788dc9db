"""diffusers' SANA-WM pipeline as the runner calls pipelines: begun from latents, its frames batched.

diffusers' own takes no latents, so a half-made clip could not be gone on with.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import SanaWMPipeline
from diffusers.pipelines.sana_wm.pipeline_output import SanaWMPipelineOutput
from torch import Tensor

from server.engines.pipelines.holding.hold_latents import piece_noise


class ShotSanaWM(SanaWMPipeline):
    """The same pipeline, begun from given latents, with a lead-in that is cut off.

    Attributes:
        latent_shape: [1, C, L, h, w] of the clip that is made.
    """

    latent_shape: tuple[int, ...] = ()
    _latents: Tensor | None = None

    def __call__(self, *args: Any, shown: slice, latents: Tensor | None = None, **kwargs: Any) -> SanaWMPipelineOutput:
        """The frames [1, F, H, W, 3] in 0..1; with output_type "latent" the latents [1, C, L, h, w].

        Args:
            *args: see diffusers.
            shown: the frames that are returned, of those that are made. Latents are returned all.
            latents: to go on from; None for noise of the generator.
            **kwargs: see diffusers.
        """
        self._latents = latents
        output = super().__call__(*args, **kwargs)
        if kwargs.get("output_type") != "latent":
            output.frames = output.frames[None, shown]
        return output

    def prepare_latents(
        self, first_latent: Tensor, num_frames: int, height: int, width: int, dtype: torch.dtype,
        device: torch.device, generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """(latents, 1 where they are the photo's), see diffusers.

        Args:
            first_latent: of the photo.
            num_frames: that are made.
            height: pixels.
            width: pixels.
            dtype: of the latents.
            device: of the latents.
            generator: of the noise; its seed alone is used, so that the noise is the same in every dtype.
        """
        seed = generator.initial_seed()
        latents, given = super().prepare_latents(first_latent, num_frames, height, width, dtype, device, generator)
        self.latent_shape = tuple(latents.shape)
        begun = piece_noise(self.latent_shape, seed) if self._latents is None else self._latents
        return torch.where(given > 0, latents, begun.to(latents)), given
