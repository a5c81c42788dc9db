"""Posteriors of clips' latents on disk: a clip is encoded when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.held_files import rename_path
from server.model.vae import VideoVae

from .world_clips import WorldClips


@dataclass(frozen=True, eq=False)
class LatentCache:
    """The clips of one split as one VAE encodes them.

    Attributes:
        vae: encodes.
        folder: of the files; another one for another VAE.
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
        return self.vae.sampled(self._moments(clips, clip), noise).transpose(0, 1)

    def _moments(self, clips: WorldClips, clip: int) -> Tensor:
        file = self.folder / f"{clips.names[clip]}.npy"
        if not file.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            video = clips.pictures([(clip, frame) for frame in range(clips.frames)]).transpose(0, 1)[None]
            with torch.no_grad():
                moments = self.vae.moments(video).half().numpy()
            part = file.with_suffix(".part.npy")
            np.save(part, moments)
            rename_path(part, file)
        return torch.from_numpy(np.load(file)).float()
