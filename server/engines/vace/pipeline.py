"""diffusers' WanVACEPipeline, with the mask of each latent taken from all its frames."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import WanVACEPipeline
from torch import Tensor

from server.engines.pipelines.fitting.visibility import latent_frames


class ShotVacePipeline(WanVACEPipeline):
    """The same pipeline, but for the mask in time.

    diffusers takes one frame's mask for each latent, and not always one of the latent's own: of 81 frames, frame 1 for
    latent 0 (frame 0) and frame 5 for latent 1 (frames 1 to 4). A hole in the others would be kept.
    """

    def prepare_masks(
        self, mask: Tensor, reference_images: list[list[Tensor]] | None = None, generator: Any = None
    ) -> Tensor:
        """The mask on the latents: 1 where any of a latent's frames is to be made.

        Args:
            mask: [1, 3, F, H, W] in 0..1.
            reference_images: pictures, each of which has a latent in front of the clip's, whose mask is 0.
            generator: not used.

        Returns:
            [1, 64, R + L, H / 8, W / 8]: the 8 x 8 pixels of a latent as channels.
        """
        cell = self.vae_scale_factor_spatial
        frames, height, width = mask.shape[2:]
        pixels = mask[0, 0].view(frames, height // cell, cell, width // cell, cell)
        channels = pixels.permute(2, 4, 0, 1, 3).flatten(0, 1)
        groups = latent_frames(frames, self.vae_scale_factor_temporal)
        latents = torch.stack([channels[:, group].amax(dim=1) for group in groups], dim=1)
        references = len(reference_images[0]) if reference_images else 0
        front = torch.zeros_like(latents[:, :1]).expand(-1, references, -1, -1)
        return torch.cat([front, latents], dim=1)[None]
