"""Wan 2.2's image-to-video network as the runner of pipelines sees it, and the hold that steers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import WanImageToVideoPipeline
from PIL import Image
from torch import Tensor

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.payloads.shot import Shot
from server.diffusion.flow.euler import HeldEuler
from server.diffusion.flow.hold import HoldSpan
from server.diffusion.flow.unipc import HeldUniPC
from server.engines.pipelines.adapter import FlowScheduler
from server.engines.pipelines.fitting.clip_rule import ClipRule, padded_in_time
from server.engines.pipelines.fitting.piece import Piece
from server.engines.pipelines.holding.hold_latents import check_hold, hold_span, scene_hold
from server.engines.pipelines.loading import ENCODER, load_pipeline
from server.engines.pipelines.memory.sizes import SIZES, PipelineSizes
from server.engines.pipelines.wan_latents import wan_latents, wan_picture
from server.engines.pipelines.words.wan_words import wan_words

from .first_picture import check_first_picture, first_picture
from .rule import CELL, NAME, RULE
from .settings import WanSettings


@dataclass(frozen=True)
class WanAdapter:
    """One shot's settings, see Adapter.

    Attributes:
        settings: of the engine.
    """

    settings: WanSettings

    @property
    def name(self) -> str:
        """See Adapter."""
        return NAME

    @property
    def sizes(self) -> PipelineSizes:
        """See Adapter."""
        return SIZES[NAME]

    @property
    def memory(self) -> str:
        """See Adapter."""
        return self.settings.memory

    @property
    def rule(self) -> ClipRule:
        """See Adapter."""
        return RULE

    @property
    def shared(self) -> int:
        """See Adapter: a segment goes on from one picture."""
        return 1

    def lead_in(self, shot: Shot) -> int:
        """See Adapter."""
        return 0

    @property
    def steps(self) -> int:
        """See Adapter."""
        return self.settings.steps

    @property
    def splits(self) -> bool:
        """See Adapter."""
        return True

    @property
    def refiner(self) -> None:
        """See Adapter."""
        return None

    def check(self, shot: Shot, inside: Bool) -> tuple[str, ...]:
        """See Adapter.

        Raises:
            EngineError: there is no picture to begin with, nothing to hold to, or nothing to make.
        """
        notes = check_first_picture(shot, inside)
        if self._span is not None:
            padded = padded_in_time(shot, RULE.frames(len(shot.trajectory)))
            check_hold(padded.preview, inside, RULE.frame_step, CELL, self._span)
        return notes

    def load(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Adapter. The VAE stays in float32: in bfloat16 its pictures show bands."""
        return load_pipeline(WanImageToVideoPipeline, folder, {"transformer": dtype, "default": torch.float32}, ENCODER)

    def load_encoder(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Adapter."""
        return load_pipeline(WanImageToVideoPipeline, folder, dtype, ("vae", "transformer", "transformer_2"))

    def encode(self, encoder: Any, prompt: str, negative: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """See Adapter."""
        return wan_words(encoder, prompt, negative)

    def scheduler(self, pipe: Any, piece: Piece) -> FlowScheduler:
        """See Adapter: it holds the piece's preview."""
        kept = pipe.scheduler
        published = (kept.stands_for or kept) if isinstance(kept, HeldEuler) else kept
        unipc: HeldUniPC = HeldUniPC.from_config(published.config)
        scheduler = unipc if self.settings.solver == "unipc" else HeldEuler.in_place_of(unipc)
        if self._span is not None:
            scheduler.hold = scene_hold(piece, partial(wan_latents, pipe), RULE.frame_step, CELL, self._span)
        return scheduler

    def arguments(self, pipe: Any, piece: Piece) -> Mapping[str, Any]:
        """See Adapter: a segment goes on from the last frame of the one before."""
        camera = piece.shot.trajectory
        picture = piece.given[-1] if len(piece.given) else first_picture(piece.shot)
        return {
            "image": Image.fromarray(picture),
            "height": camera.height,
            "width": camera.width,
            "num_frames": len(camera),
            "guidance_scale": self.settings.guidance,
        }

    def picture(self, pipe: Any, clean: Tensor) -> UInt8:
        """See Adapter."""
        return wan_picture(pipe.vae, clean, clean.shape[2] // 2)

    @property
    def _span(self) -> HoldSpan | None:
        return hold_span(self.settings.hold, self.settings.hold_until, self.settings.begin_until)
