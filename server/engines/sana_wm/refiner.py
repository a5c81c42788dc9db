"""SANA-WM's second network as the runner of pipelines sees it: an LTX-2 that makes the first one's clip sharper."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLLTX2Video
from torch import Tensor

from blender_addon.core.arrays import UInt8
from server.engines.pipelines.fitting.piece import Piece
from server.engines.pipelines.loading import ENCODER, load_part, load_pipeline
from server.engines.pipelines.memory.sizes import SIZES, PipelineSizes
from server.engines.pipelines.refiner import RefinedSoFar
from server.engines.pipelines.sampling import frames_of
from server.engines.pipelines.sources import PipelineSource
from server.engines.pipelines.words.left_out import length_notes

from .latents import ltx_picture
from .refiner_pipeline import ANCHOR, BLOCK, STEPS, ShotRefiner
from .rule import GROUP, RANDOM_GROUP, REFINER


@dataclass(frozen=True)
class SanaRefiner:
    """The refiner of one shot, see Refiner.

    Attributes:
        source: see Refiner.
        shown: the frames of the clip that belong to a piece, of those that the network makes for it.
    """

    source: PipelineSource
    shown: Callable[[Piece], slice]

    @property
    def steps(self) -> int:
        """See Refiner."""
        return STEPS

    @property
    def sizes(self) -> PipelineSizes:
        """See Refiner."""
        return SIZES[REFINER]

    def blocks(self, frames: int) -> int:
        """See Refiner."""
        group = RANDOM_GROUP if self.source.draft else GROUP
        return math.ceil((frames - 1) / (group * BLOCK))

    def load(self, folder: Path, first: Path, dtype: torch.dtype) -> Any:
        """See Refiner. The VAE stays in float32, as for the first network."""
        pipe = load_pipeline(ShotRefiner, folder, dtype, (*ENCODER, "connectors"))
        pipe.register_modules(vae=load_part(AutoencoderKLLTX2Video, first / "vae", torch.float32))
        return pipe

    def load_encoder(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Refiner."""
        return load_pipeline(ShotRefiner, folder, dtype, ("transformer", "vae"))

    def encode(self, encoder: Any, prompt: str, negative: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """See Refiner. It has no guidance, and so does not read the negative prompt."""
        notes = length_notes(encoder.tokenizer, {"prompt": prompt.strip()}, encoder.text_max_sequence_length)
        embeds, mask = encoder.encoded_words(prompt)
        return {"prompt_embeds": embeds, "prompt_attention_mask": mask}, notes

    def refined(
        self,
        pipe: Any,
        begun: RefinedSoFar,
        words: Mapping[str, Tensor],
        seed: int,
        on_step: Callable[[int], None],
        on_block: Callable[[RefinedSoFar], None],
    ) -> Tensor:
        """See Refiner."""
        told = words["prompt_embeds"], words["prompt_attention_mask"]
        latents: Tensor = pipe.refine(begun, told, seed, on_step, on_block)
        return latents

    def frames(self, pipe: Any, latents: Tensor, piece: Piece) -> UInt8:
        """See Refiner. The photo's latent is decoded with the others, so that no frame moves in time."""
        with torch.no_grad():
            decoded = pipe._decode_latents(latents)
        made = pipe.video_processor.postprocess_video(decoded, output_type="np")[0]
        return frames_of(np.asarray(made)[self.shown(piece)])

    def picture(self, pipe: Any, begun: RefinedSoFar) -> UInt8:
        """See Refiner."""
        with torch.no_grad():
            return ltx_picture(pipe, begun.latents, ANCHOR + BLOCK * (begun.blocks - 1))
