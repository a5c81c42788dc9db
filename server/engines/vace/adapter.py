"""VACE as the runner of pipelines sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from server.diffusion.flow.hold import HoldSpan
from server.diffusion.flow.unipc import HeldUniPC
from server.engines.pipelines.adapter import FlowScheduler
from server.engines.pipelines.fitting.clip_rule import ClipRule, padded_in_time
from server.engines.pipelines.fitting.piece import Piece
from server.engines.pipelines.fitting.visibility import OPAQUE
from server.engines.pipelines.holding.hold_latents import check_hold, hold_span, scene_hold
from server.engines.pipelines.loading import ENCODER, load_pipeline
from server.engines.pipelines.memory.sizes import SIZES, PipelineSizes
from server.engines.pipelines.wan_latents import wan_latents, wan_picture
from server.engines.pipelines.words.wan_words import wan_words
from server.engines.shot_pictures import engine_picture

from .conditions import conditions, kept_piece, starts_at_photo, unseen_frames
from .pipeline import ShotVacePipeline
from .rule import CELL, NAME, RULE
from .settings import VaceSettings

SHIFTS = (3.0, 5.0)
"""Shift of the noise schedule at 480p and at 720p."""
SMALL = 832 * 480 * 3 // 2
"""Pixels of a frame up to which the first is used."""


@dataclass(frozen=True)
class VaceAdapter:
    """One shot's settings, see Adapter.

    Attributes:
        settings: of the engine.
    """

    settings: VaceSettings

    @property
    def name(self) -> str:
        """See Adapter."""
        return NAME

    @property
    def sizes(self) -> PipelineSizes:
        """See Adapter."""
        return SIZES[self.settings.weights]

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
        """See Adapter."""
        return int(self.settings.shared)

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
        return False

    @property
    def refiner(self) -> None:
        """See Adapter."""
        return None

    def check(self, shot: Shot, inside: Bool) -> tuple[str, ...]:
        """See Adapter.

        Raises:
            EngineError: the preview shows nothing of the photo, there is nothing to hold to or nothing left to make, or
                the lens is far wider than the photo's.
        """
        unseen = unseen_frames(shot.preview, self.settings.margin, inside)
        given = self.settings.first_frame and starts_at_photo(shot)
        if given:
            # Refused here where the lens is too wide for the photo, not after the network is loaded.
            engine_picture(shot, shot.trajectory.intrinsics[0])
        if unseen.all() and not given:
            raise EngineError(
                "The preview shows nothing of the photo",
                "VACE knows the camera from the preview alone, and no part of any frame is covered well enough",
                "Turn the camera towards the photo's scene, or make the margin of holes smaller.",
            )
        if shot.last_image is None and (shot.preview[:, inside, 3] >= OPAQUE).all():
            raise EngineError(
                "Nothing is left for VACE to make",
                "the preview covers every frame wholly",
                "Move the camera further, or use the draft engine, which shows the photo as it is.",
            )
        if self._span is not None:
            padded = padded_in_time(shot, RULE.frames(len(shot.trajectory)))
            check_hold(padded.preview, inside, RULE.frame_step, CELL, self._span)
        if not unseen.any():
            return ()
        return (
            f"In {int(unseen.sum())} of {len(unseen)} frames the preview shows nothing of the photo. VACE does not "
            "know the camera there.",
        )

    def load(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Adapter. The VAE stays in float32: in bfloat16 its pictures show bands."""
        dtypes = {"transformer": dtype, "transformer_2": dtype, "default": torch.float32}
        return load_pipeline(ShotVacePipeline, folder, dtypes, ENCODER)

    def load_encoder(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Adapter."""
        return load_pipeline(ShotVacePipeline, folder, dtype, ("vae", "transformer", "transformer_2"))

    def encode(self, encoder: Any, prompt: str, negative: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """See Adapter."""
        return wan_words(encoder, prompt, negative)

    def scheduler(self, pipe: Any, piece: Piece) -> FlowScheduler:
        """See Adapter: the pipeline's, with the shift for the picture's size; it holds what is kept, where asked to."""
        camera = piece.shot.trajectory
        shift = SHIFTS[camera.width * camera.height > SMALL]
        scheduler: HeldUniPC = HeldUniPC.from_config(pipe.scheduler.config, flow_shift=shift)
        if self._span is not None:
            kept = kept_piece(piece, self.settings.margin, self.settings.first_frame)
            # The latent of the reference picture is before the clip's own.
            front = int(self.settings.reference)
            encode = partial(wan_latents, pipe)
            scheduler.hold = scene_hold(kept, encode, RULE.frame_step, CELL, self._span, given=0, front=front)
        return scheduler

    def arguments(self, pipe: Any, piece: Piece) -> Mapping[str, Any]:
        """See Adapter."""
        given = conditions(piece, self.settings.margin, self.settings.first_frame, self.settings.reference)
        camera = piece.shot.trajectory
        return {
            "video": given.video,
            "mask": given.mask,
            "reference_images": given.reference,
            "conditioning_scale": self.settings.control,
            "height": camera.height,
            "width": camera.width,
            "num_frames": len(camera),
            "guidance_scale": self.settings.guidance,
        }

    def picture(self, pipe: Any, clean: Tensor) -> UInt8:
        """See Adapter. The latent of the reference picture is in front of the clip's."""
        front = int(self.settings.reference)
        return wan_picture(pipe.vae, clean, front + (clean.shape[2] - front) // 2)

    @property
    def _span(self) -> HoldSpan | None:
        return hold_span(self.settings.hold, self.settings.hold_until, self.settings.begin_until)
