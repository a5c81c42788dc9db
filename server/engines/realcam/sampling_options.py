"""The artist's settings as the sampler takes them."""

from __future__ import annotations

from typing import get_args

from blender_addon.core.payloads.shot import Shot
from server.diffusion.guidance import GuidanceConfig
from server.model.config import ModelConfig
from server.model.sampling.conditions import SOURCE_FPS, ConcatStyle, fps_value
from server.model.sampling.shot_sampler import SamplingOptions

from .memory.memory_plan import PLAIN, MemoryPlan
from .settings import RealCamSettings
from .shot_inputs import shaping_threshold
from .sources import ModelSource


def sampling_options(
    shot: Shot, settings: RealCamSettings, config: ModelConfig, plan: MemoryPlan = PLAIN
) -> SamplingOptions:
    """The sampler's options for the artist's settings.

    Args:
        shot: its prompts and frame rate.
        settings: of the engine.
        config: the variant.
        plan: the memory plan.
    """
    return SamplingOptions(
        prompt=shot.settings.prompt,
        negative_prompt=shot.settings.negative_prompt,
        steps=settings.steps,
        eta=settings.eta,
        guidance=guidance_config(settings),
        shaping="clean" if settings.shaping == "clean" else "noisy",
        threshold=shaping_threshold(settings),
        fps=told_fps(settings.motion_fps or shot.trajectory.fps, config),
        overlap=settings.overlap,
        published_parity=settings.faithful,
        lossy_guidance_every=settings.lossy_guidance_every,
        batched=plan.batched,
        tiled=plan.tiled,
    )


def guidance_config(settings: RealCamSettings) -> GuidanceConfig:
    """Which guidance the artist's settings ask for; as published, none without the prompt's."""
    none = settings.faithful and settings.guidance == 1.0
    return GuidanceConfig(
        scale=settings.guidance,
        image_scale=None if none else settings.image_guidance or None,
        rescale=settings.guidance_rescale,
        camera_scale=1.0 if none else settings.camera_guidance,
        camera_schedule=settings.camera_schedule,
    )


def trained_forms(source: ModelSource, weights: str) -> tuple[ConcatStyle, ...]:
    """The forms of latents beside the noise that the chosen network was trained for; the published one knows one.

    Args:
        source: has the networks.
        weights: the chosen network's name.
    """
    own = next((network for network in source.own() if network.name == weights), None)
    known = {} if own is None else own.facts.forms
    return tuple(form for form in get_args(ConcatStyle) if form in known) or ("repeat",)


def told_fps(fps: float, config: ModelConfig) -> int:
    """What the network is told for a clip of `fps` frames per second, kept within what it was trained on."""
    inside = min(max(fps, config.trained_fps[0]), config.trained_fps[1])
    return fps_value(config, max(1, round(SOURCE_FPS / inside))) if config.fps_condition == "stride" else round(inside)
