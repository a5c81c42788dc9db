"""A shot as the network takes it, checked: the photo in the engine's frame, the reference frame, held frames."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.protocol.capability import INTERPOLATION_MODE
from server.diffusion.ddim import ddim_plan
from server.diffusion.schedule import noise_schedule
from server.diffusion.shaping import Threshold
from server.model.config import ModelConfig
from server.model.sampling import scene_mask
from server.model.sampling.shot_sampler import FixedFrame, ShotInputs

from .settings import Mode, RealCamSettings

GRID = 64
"""Picture sizes are multiples of this, pixels: the network halves the latents of 8 x 8 pixels three times."""

SAME_POSE = (1e-3, 1e-3)
"""Metres and radians within which a frame stands where the photo was taken."""

MOST_PADDING = 4.0
"""How far the engine's frame may look past the photo on each side, in widths (heights) of the photo."""

FULLY_SEEN = 0.99
"""The share of the last frame that the preview must show for an interpolation to end at it."""

LEAST_OF_FRAME = 0.5
"""The share of the clip's frame that a last image must fill."""


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


def reference_frame(poses: Float64) -> int | None:
    """The frame that stands where the photo was taken, None when the camera never passes there.

    Args:
        poses: [F, 4, 4] camera-to-world as seen from the photo's camera, metres.
    """
    metres = np.linalg.norm(poses[:, :3, 3], axis=1)
    cosine = (np.trace(poses[:, :3, :3], axis1=1, axis2=2) - 1) / 2
    radians = np.arccos(np.clip(cosine, -1, 1))
    best = int(np.argmin(metres / SAME_POSE[0] + radians / SAME_POSE[1]))
    return best if metres[best] <= SAME_POSE[0] and radians[best] <= SAME_POSE[1] else None


def engine_picture(shot: Shot, intrinsics: Float64) -> UInt8:
    """The photo as its camera would see it through the engine's lens, its border repeated where that looks past it.

    Args:
        shot: the photo, its intrinsics and the size of the clip.
        intrinsics: [3, 3] of the engine's lens, pixels of the clip.

    Returns:
        [H, W, 3] uint8.

    Raises:
        EngineError: the lens looks more than MOST_PADDING past the photo.
    """
    height, width = shot.photo.shape[:2]
    size = (shot.trajectory.width, shot.trajectory.height)
    box = []
    for axis, engine_size in enumerate(size):
        scale = shot.photo_intrinsics[axis, axis] / intrinsics[axis, axis]
        first = shot.photo_intrinsics[axis, 2] - intrinsics[axis, 2] * scale
        box.append((first, first + engine_size * scale))
    (left, right), (top, bottom) = box
    margins = [math.ceil(max(0.0, m)) for m in (-left, right - width, -top, bottom - height)]
    if max(margins[:2]) > MOST_PADDING * width or max(margins[2:]) > MOST_PADDING * height:
        raise EngineError(
            "The shot's lens is far wider than the photo's",
            f"it looks {max(margins)} pixels past a photo of {width} x {height}",
            "Use a longer lens, or check the photo's focal length.",
        )
    before_x, after_x, before_y, after_y = margins
    padded = np.pad(shot.photo, ((before_y, after_y), (before_x, after_x), (0, 0)), mode="edge")
    area = (left + before_x, top + before_y, right + before_x, bottom + before_y)
    return np.asarray(Image.fromarray(padded).resize(size, Image.Resampling.BILINEAR, box=area))


def last_picture(picture: UInt8, size: tuple[int, int]) -> UInt8:
    """The last image where the artist's frame lies in the clip's.

    It is whole and in the middle; around it, its border is repeated.

    Args:
        picture: [h, w, 3] uint8.
        size: (width, height) of the clip, pixels.

    Returns:
        [H, W, 3] uint8.

    Raises:
        EngineError: it would fill less than LEAST_OF_FRAME of the frame.
    """
    height, width = picture.shape[:2]
    left, top, inner_width, inner_height = FrameFit((width, height), size).artist_rect
    filled = inner_width * inner_height / (size[0] * size[1])
    if filled < LEAST_OF_FRAME:
        raise EngineError(
            "The last image is of another shape than the clip",
            f"{width} x {height} pixels fill {filled:.0%} of {size[0]} x {size[1]}",
            "Crop it to the shape of your render.",
        )
    columns, rows = round(inner_width), round(inner_height)
    scaled = np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.LANCZOS))
    before = (round(top), round(left))
    margins = ((before[0], size[1] - rows - before[0]), (before[1], size[0] - columns - before[1]), (0, 0))
    return np.pad(scaled, margins, mode="edge")


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
