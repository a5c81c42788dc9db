"""The clips of `realcam data render` as pictures and words, without their cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.errors import RealCamError
from server.datasets.clip_frames import read_picture
from server.training.worlds.clip_files import CAPTION, FRAMES


class WorldClips:
    """The complete clips of one split, in the order of their names.

    Args:
        folder: of the split.
        frames: of a clip.
    """

    def __init__(self, folder: Path, frames: int = 16) -> None:
        self.frames = frames
        self.folder = folder
        self._captions: dict[str, str] = {}
        self.names: tuple[str, ...] = ()
        self.look_again()

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.names)

    def look_again(self) -> None:
        """Take the clips that have been rendered in the meantime."""
        self.names = tuple(sorted(p.name for p in self.folder.glob("[!.]*") if p.is_dir()))

    def caption(self, clip: int) -> str:
        """The words of a clip."""
        name = self.names[clip]
        if name not in self._captions:
            self._captions[name] = (self.folder / name / CAPTION).read_text(encoding="utf-8").strip()
        return self._captions[name]

    def pictures(self, places: Sequence[tuple[int, int]]) -> Tensor:
        """Single frames.

        Args:
            places: (clip, frame), indices.

        Returns:
            [N, 3, H, W] float32 in [-1, 1].
        """
        files = [self.folder / self.names[clip] / FRAMES / f"{frame:04d}.png" for clip, frame in places]
        pixels = np.stack([read_picture(file) for file in files])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def open_worlds(worlds: Path) -> tuple[WorldClips, WorldClips]:
    """The clips to train on and those to measure on.

    A set is rendered split by split: while there are no validation clips yet, training clips stand in for them.

    Args:
        worlds: folder of the set.

    Raises:
        RealCamError: there is none.
    """
    train, validation = WorldClips(worlds / "train"), WorldClips(worlds / "validation")
    if not train.names:
        raise RealCamError("There are no rendered clips", str(worlds), "Run `realcam data render` first.")
    return train, validation if validation.names else train
