"""What a second pipeline says of itself, through whose hands the latents of the first go before they are decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from blender_addon.core.arrays import UInt8

from .fitting.piece import Piece
from .sources import PipelineSource
from .words.reading import Reader


@dataclass(frozen=True, eq=False)
class RefinedSoFar:
    """How far a refiner came.

    Attributes:
        latents: [1, C, L, h, w] of the first pipeline, on the CPU; of the finished blocks the refined ones.
        blocks: that are finished.
    """

    latents: Tensor
    blocks: int = 0


class Refiner(Reader, Protocol):
    """A pipeline that refines the latents of another, block after block in time."""

    @property
    def source(self) -> PipelineSource:
        """Where its weights come from."""
        ...

    @property
    def steps(self) -> int:
        """Steps of a block."""
        ...

    def blocks(self, frames: int) -> int:
        """Blocks of a clip.

        Args:
            frames: that the first pipeline makes.
        """
        ...

    def load(self, folder: Path, first: Path, dtype: torch.dtype) -> Any:
        """The pipeline without its text encoder, on the CPU, with the VAE of the first pipeline.

        Args:
            folder: of its weights, in diffusers' layout.
            first: of the first pipeline's.
            dtype: of the network.
        """
        ...

    def refined(
        self,
        pipe: Any,
        begun: RefinedSoFar,
        words: Mapping[str, Tensor],
        seed: int,
        on_step: Callable[[int], None],
        on_block: Callable[[RefinedSoFar], None],
    ) -> Tensor:
        """The refined latents [1, C, L, h, w].

        Args:
            pipe: from `load`.
            begun: where an earlier attempt stood, or the latents of the first pipeline.
            words: from `encode`.
            seed: of the noise.
            on_step: told after each step how many are done, those of the blocks before counted.
            on_block: told of each block when it is finished.
        """
        ...

    def frames(self, pipe: Any, latents: Tensor, piece: Piece) -> UInt8:
        """The frames [F, H, W, 3] uint8 of the piece, decoded."""
        ...

    def picture(self, pipe: Any, begun: RefinedSoFar) -> UInt8:
        """A frame [H, W, 3] of the block that was finished last."""
        ...
