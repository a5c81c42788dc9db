"""SANA-WM as the runner of pipelines sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.sana_wm.pipeline_sana_wm import DEFAULT_CHI_PROMPT
from PIL import Image
from torch import Tensor

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.camera.beginning import lead_in_frames, moved
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from server.diffusion.flow.euler import HeldEuler
from server.diffusion.flow.hold import HoldSpan
from server.engines.pipelines.adapter import FlowScheduler
from server.engines.pipelines.fitting.clip_rule import ClipRule, padded_in_time
from server.engines.pipelines.fitting.piece import Piece
from server.engines.pipelines.fitting.segments import segments
from server.engines.pipelines.holding.hold_latents import as_tokens, check_hold, hold_span, scene_hold
from server.engines.pipelines.loading import ENCODER, load_pipeline
from server.engines.pipelines.memory.sizes import SIZES, PipelineSizes
from server.engines.pipelines.sources import PipelineSource
from server.engines.pipelines.words.left_out import length_notes
from server.engines.shot_pictures import engine_picture

from .camera_path import CameraPath, camera_path, lead_in_note, speed_note
from .latents import ltx_latents, ltx_picture
from .pipeline import ShotSanaWM
from .refiner import SanaRefiner
from .rule import CELL, GENTLE, GROUP, MOST_TOKENS, NAME
from .settings import SanaSettings


@dataclass(frozen=True)
class SanaAdapter:
    """One shot's settings, see Adapter.

    Attributes:
        settings: of the engine.
        rule: see Adapter.
        refiner_source: where the refiner's weights come from; None to decode the clip at once.
    """

    settings: SanaSettings
    rule: ClipRule
    refiner_source: PipelineSource | None = None

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
    def shared(self) -> int:
        """See Adapter: a segment goes on from one picture."""
        return 1

    def lead_in(self, shot: Shot) -> int:
        """See Adapter: the way from the photo's camera to where the shot begins."""
        return lead_in_frames(moved(shot.trajectory.rescale(self.settings.scale).camera_to_world[0]), GENTLE)

    @property
    def steps(self) -> int:
        """See Adapter."""
        return self.settings.steps

    @property
    def splits(self) -> bool:
        """See Adapter."""
        return False

    @property
    def refiner(self) -> SanaRefiner | None:
        """See Adapter."""
        if self.refiner_source is None:
            return None
        return SanaRefiner(self.refiner_source, lambda piece: self._path(piece).shown)

    def check(self, shot: Shot, inside: Bool) -> tuple[str, ...]:
        """See Adapter.

        Raises:
            EngineError: the shot begins too far from the photo, its lens is far wider than the photo's, it is too long
                for the refiner, or there is nothing to hold to or to make.
        """
        parts = segments(len(shot.trajectory), self.rule.most_frames, self.shared)
        if self.refiner_source is not None and len(parts) > 1:
            raise EngineError(
                "The shot is longer than the refiner takes",
                f"{len(shot.trajectory)} frames, of {self.rule.most_frames}",
                "Make it shorter, or switch the refiner off.",
            )
        frames = parts[0].frames
        begun = np.clip(np.arange(self.rule.frames(frames)), 0, frames - 1)
        path = camera_path(shot.trajectory.at(begun), self.settings.scale)
        # Refused here where the lens is too wide for the photo, not after the network is loaded.
        engine_picture(shot, shot.trajectory.intrinsics[0])
        if self._span is not None:
            padded = padded_in_time(shot, self.rule.frames(len(shot.trajectory)))
            check_hold(padded.preview, inside, GROUP, CELL, self._span)
        return tuple(note for note in (lead_in_note(path), speed_note(path)) if note)

    def load(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Adapter. The VAE stays in float32, as diffusers recommends for this network."""
        return load_pipeline(ShotSanaWM, folder, {"transformer": dtype, "default": torch.float32}, ENCODER)

    def load_encoder(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Adapter."""
        return load_pipeline(ShotSanaWM, folder, dtype, ("vae", "transformer"))

    def encode(self, encoder: Any, prompt: str, negative: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """See Adapter."""
        notes = length_notes(encoder.tokenizer, {"prompt": prompt, "negative prompt": negative}, MOST_TOKENS)
        device = encoder.text_encoder.device
        with torch.no_grad():
            encoded = encoder.encode_prompt(prompt, negative, device=device, chi_prompt=DEFAULT_CHI_PROMPT)
        names = ("prompt_embeds", "prompt_attention_mask", "negative_prompt_embeds", "negative_prompt_attention_mask")
        return dict(zip(names, encoded, strict=True)), notes

    def scheduler(self, pipe: Any, piece: Piece) -> FlowScheduler:
        """See Adapter: Euler steps, which hold the piece's preview if that was asked for."""
        scheduler: HeldEuler = HeldEuler.from_config(pipe.scheduler.config)
        if self._span is not None:
            lead_in = self._path(piece).lead_in
            group, cell = pipe.vae_temporal_compression_ratio, pipe.vae_spatial_compression_ratio
            walked = replace(piece, shot=_walked_up_to(piece.shot, lead_in, group))
            given = 1 + math.ceil(lead_in / group)
            hold = scene_hold(walked, partial(ltx_latents, pipe), group, cell, self._span, given)
            scheduler.hold = as_tokens(hold)
        return scheduler

    def arguments(self, pipe: Any, piece: Piece) -> Mapping[str, Any]:
        """See Adapter: a segment goes on from the last frame of the one before."""
        camera, path = piece.shot.trajectory, self._path(piece)
        first = piece.given[-1] if len(piece.given) else engine_picture(piece.shot, camera.intrinsics[0])
        return {
            "image": Image.fromarray(first),
            "prompt": "",
            "c2w": path.trajectory.camera_to_world,
            "intrinsics": path.trajectory.intrinsics,
            "num_frames": len(path.trajectory),
            "shown": path.shown,
            "height": camera.height,
            "width": camera.width,
            "guidance_scale": self.settings.guidance,
        }

    def picture(self, pipe: Any, clean: Tensor) -> UInt8:
        """See Adapter; the scheduler is handed tokens."""
        latents = clean.transpose(1, 2).reshape(pipe.latent_shape)
        return ltx_picture(pipe, latents, latents.shape[2] // 2)

    def _path(self, piece: Piece) -> CameraPath:
        """The camera of a piece. One that goes on from another begins where that ended."""
        camera: Trajectory = piece.shot.trajectory
        told = camera if piece.first else camera.relative_to(camera.camera_to_world[0])
        return camera_path(told, self.settings.scale)

    @property
    def _span(self) -> HoldSpan | None:
        return hold_span(self.settings.hold, self.settings.hold_until, self.settings.begin_until)


def _walked_up_to(shot: Shot, lead_in: int, group: int) -> Shot:
    """The shot with a preview that shows nothing while it is walked up to, and its last frame after it.

    Args:
        shot: with a number of frames that the network makes.
        lead_in: frames before it.
        group: frames of a latent.
    """
    after = -lead_in % group
    preview = np.concatenate([np.repeat(shot.preview[:1], lead_in, 0), shot.preview, *[shot.preview[-1:]] * after])
    camera = shot.trajectory.at(np.clip(np.arange(-lead_in, len(shot.trajectory) + after), 0, len(shot.trajectory) - 1))
    return replace(shot, trajectory=camera, preview=preview)
