"""A shot as the network takes it, checked: the photo in the engine's frame, the reference frame, held frames."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.protocol.capability import INTERPOLATION_MODE
from server.diffusion.ddim import ddim_plan
from server.diffusion.schedule import noise_schedule
from server.diffusion.shaping import Threshold
from server.engines.shot_pictures import engine_picture, last_picture, reference_frame
from server.model.config import ModelConfig
from server.model.sampling import scene_mask
from server.model.sampling.shot_sampler import FixedFrame, ShotInputs

from .settings import Mode, RealCamSettings

GRID = 64
"""Picture sizes are multiples of this, pixels: the network halves the latents of 8 x 8 pixels three times."""

FULLY_SEEN = 0.99
"""The share of the last frame that the preview must show for an interpolation to end at it."""


def shot_inputs(shot: Shot, settings: RealCamSettings, config: ModelConfig) -> ShotInputs:
    """The sampler's inputs for a shot.

    Args:
        shot: what to make.
        settings: of the engine.
        config: the variant.

    Raises:
        EngineError: the network cannot make this shot.
    """
    check_size(shot.trajectory.width, shot.trajectory.height)
    check_invertible(shot.trajectory.intrinsics)
    mode = chosen_mode(settings.mode, len(shot.trajectory), config.frames, shot.last_image is not None)
    reference = reference_frame(shot.trajectory.camera_to_world)
    if settings.faithful and (reference is None or len(shot.trajectory) > config.frames):
        raise EngineError(
            "The published code cannot make this shot",
            f"it wants at most {config.frames} frames, one of them where the photo was taken",
            "Switch off 'as published', or start the camera at the photo.",
        )
    picture = engine_picture(shot, shot.trajectory.intrinsics[reference or 0])
    return ShotInputs(
        poses=shot.trajectory.camera_to_world,
        intrinsics=shot.trajectory.intrinsics,
        picture=scene_mask.to_clip(picture[None])[:, :, 0],
        reference=reference,
        preview=None if settings.shaping == "off" else checked_preview(shot.preview, settings, config),
        held=fixed_frames(shot, mode, reference, picture),
    )


def check_size(width: int, height: int) -> None:
    """Check that a picture size in pixels fits the network.

    Raises:
        EngineError: width or height is no multiple of GRID.
    """
    if width % GRID or height % GRID:
        nearest = [max(GRID, round(n / GRID) * GRID) for n in (width, height)]
        raise EngineError(
            "The picture's size does not fit the network",
            f"{width} x {height} pixels, both must be multiples of {GRID}",
            f"The nearest that fits is {nearest[0]} x {nearest[1]}.",
        )


def check_invertible(intrinsics: Float64) -> None:
    """Check that intrinsics [F, 3, 3] have inverses.

    Raises:
        EngineError: one has none.
    """
    determinant = np.abs(np.linalg.det(intrinsics))
    if not (determinant > 1e-6).all():
        raise EngineError(
            "The intrinsics have no inverse",
            f"frame {int(determinant.argmin())} has determinant {determinant.min():.2g}",
        )


def chosen_mode(mode: Mode, frames: int, window: int, last_image: bool = False) -> Mode:
    """The mode for a shot. "auto" ends at the last image if there is one, else it is basic as long as that is possible.

    Args:
        mode: the artist's.
        frames: of the shot.
        window: frames that the weights know.
        last_image: whether one was given.

    Raises:
        EngineError: the mode does not fit the shot, or it has fewer than 2 frames.
    """
    if frames < 2:
        raise EngineError("A clip of one frame has no motion", "the network needs 2 frames or more")
    if last_image and mode not in ("auto", INTERPOLATION_MODE):
        raise EngineError(
            f"The mode {mode} does not end at a last image",
            "one was given",
            "Choose the mode auto or interpolation, or take the last image away.",
        )
    if last_image:
        return INTERPOLATION_MODE
    if mode == "auto":
        return "basic" if frames <= window else "continuation"
    if mode == "basic" and frames > window:
        raise EngineError(
            "The shot is longer than the weights know",
            f"{frames} frames, at most {window} at once",
            "Choose the mode auto or continuation: it is then made in overlapping segments.",
        )
    return mode


def shaping_threshold(settings: RealCamSettings) -> Threshold:
    """Down to where the preview is held: a noise level where one is set, else a timestep."""
    return Threshold(settings.shaping_noise, "noise") if settings.shaping_noise else Threshold(settings.shaping_until)


def checked_preview(preview: UInt8, settings: RealCamSettings, config: ModelConfig) -> UInt8:
    """The preview, if there is something in it to hold to, and something left to make.

    Args:
        preview: [F, H, W, 4] uint8.
        settings: of the engine.
        config: the variant.

    Raises:
        EngineError: the preview shows nothing of the photo, or everything in every step.
    """
    mask = scene_mask.latent_mask(scene_mask.visible(preview))
    if not mask.any():
        raise EngineError(
            "The preview shows nothing of the photo to hold to",
            "no part of any frame is covered well enough",
            "Turn the camera towards the photo's scene, or set 'hold to the preview' to off.",
        )
    plan = ddim_plan(noise_schedule(config.schedule), settings.steps, settings.eta)
    if mask.all() and shaping_threshold(settings).active(plan, int(plan.timesteps[0])):
        raise EngineError(
            "Nothing is left for the model to make",
            "the preview covers every frame wholly and holds in every step",
            "Raise 'hold until timestep' (900 is usual) or the noise level, or use the draft engine.",
        )
    return preview


def fixed_frames(shot: Shot, mode: Mode, reference: int | None, picture: UInt8) -> tuple[FixedFrame, ...]:
    """The frames that are given whole, besides the reference.

    A loop begins and ends with the same picture, so that it closes.

    Args:
        shot: its last image, preview and trajectory.
        mode: the chosen one.
        reference: the frame where the photo was taken, or None.
        picture: [H, W, 3] uint8, the photo in the engine's frame.

    Raises:
        EngineError: the camera does not loop, or the last frame is not known well enough to end at.
    """
    last = len(shot.trajectory) - 1
    if mode == "loop":
        home = reference_frame(shot.trajectory.camera_to_world[[last]]) == 0
        if reference != 0 or not home:
            raise EngineError(
                "The camera does not loop",
                "a loop starts and ends where the photo was taken",
                "Put the first and the last key of the camera at the photo's camera.",
            )
        return (FixedFrame(scene_mask.to_clip(picture[None])[:, :, 0], (0, last)),)
    if shot.last_image is not None:
        ending = last_picture(shot.last_image, (shot.trajectory.width, shot.trajectory.height))
        return (FixedFrame(scene_mask.to_clip(ending[None])[:, :, 0], (last,)),)
    if mode == INTERPOLATION_MODE:
        frame = shot.preview[last]
        seen = float((frame[..., 3] == 255).mean())
        if seen < FULLY_SEEN:
            raise EngineError(
                "The last frame is not known well enough to end at",
                f"the preview shows {seen:.0%} of it, interpolation needs {FULLY_SEEN:.0%}",
                "Give a last image, end where the photo's scene fills the frame, or choose another mode.",
            )
        return (FixedFrame(scene_mask.to_clip(scene_mask.filled(frame[None]))[:, :, 0], (last,)),)
    return ()
