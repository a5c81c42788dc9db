"""The arguments of a call as a Shot: pictures and cameras of the kinds that people have, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError, EngineError, ShotError
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.protocol.capability import SettingValue
from blender_addon.core.protocol.engine_checks import checked_options
from server.engines.realcam.settings import OPTIONS
from server.engines.shot_pictures import reference_frame

CALL_OPTIONS = (
    *("mode", "shaping", "shaping_until", "shaping_noise", "camera_guidance", "camera_schedule", "image_guidance"),
    *("guidance_rescale", "eta", "motion_fps", "overlap", "lossy_guidance_every", "faithful"),
)
"""Options of the engine that a call takes by their names there; steps and guidance have diffusers' names."""

SAME_SHAPE = 0.01
"""How far the shapes of two pictures may differ, as a share, for one to show all that the other does."""

FARTHEST = 1000.0
"""Metres from the photo beyond which a camera path is taken for one in other units."""

NORMALISED = 10.0
"""A focal length up to this is taken for one in widths of the picture, not in pixels."""

OPENGL_AXES = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True, eq=False)
class CallArguments:
    """What a call is made with, see `RealCamPipeline.__call__`."""

    image: Any
    camera_to_world: Any
    intrinsics: Any
    preview: Any
    last_image: Any
    image_intrinsics: Any
    size: tuple[int, int]
    fps: float
    prompt: str
    negative_prompt: str
    steps: Any
    guidance: Any
    options: Mapping[str, Any]


def call_shot(given: CallArguments) -> Shot:
    """The shot that a call describes. Nothing is known of its depth, which the network does not read.

    Args:
        given: the arguments.

    Raises:
        RealCamError: an argument is of another kind, shape or unit than it must be, or does not fit the others.
    """
    _check_words(given)
    trajectory = _trajectory(given)
    photo = picture("image", given.image)
    frames = (len(trajectory), trajectory.height, trajectory.width)
    preview = np.zeros((*frames, 4), np.uint8) if given.preview is None else _preview(given.preview)
    return Shot(
        trajectory=trajectory,
        preview=preview,
        photo=photo,
        photo_intrinsics=_photo_intrinsics(given, trajectory, photo),
        depth=np.full((1, 1), np.nan, np.float32),
        settings=ShotSettings(
            engine="realcam", prompt=given.prompt, negative_prompt=given.negative_prompt, options=_options(given)
        ),
        last_image=None if given.last_image is None else picture("last_image", given.last_image),
    )


def picture(name: str, value: Any) -> UInt8:
    """A picture as [h, w, 3] uint8.

    Args:
        name: of the argument, for the error.
        value: a PIL image; an array [h, w, 3], uint8 or float 0..1; or a tensor [3, h, w] or [1, 3, h, w], the same.

    Raises:
        ShotError: it is none of these.
    """
    if isinstance(value, Image.Image):
        return np.asarray(value.convert("RGB"))
    data = _array(value)
    if _is_tensor(value) and data.ndim in (3, 4) and data.shape[-3] == 3 and (data.ndim == 3 or len(data) == 1):
        data = np.moveaxis(data.reshape(data.shape[-3:]), 0, -1)
    if data.ndim != 3 or data.shape[-1] != 3 or not data.size:
        raise ShotError(
            f"The {name} is not one RGB picture",
            _described(value, data),
            "Give a PIL image, an array [h, w, 3] or a tensor [3, h, w].",
        )
    if data.dtype == np.uint8:
        return np.ascontiguousarray(data)
    if data.dtype.kind != "f" or not np.isfinite(data).all() or data.min() < 0 or data.max() > 1:
        span = f", {data.min():g} to {data.max():g}" if data.dtype.kind in "iuf" else ""
        raise ShotError(
            f"The {name}'s values are not a picture's", f"{data.dtype}{span}", "Give uint8, or floats from 0 to 1."
        )
    return np.ascontiguousarray((data * 255.0).round().astype(np.uint8))


def _check_words(given: CallArguments) -> None:
    for name, prompt in (("prompt", given.prompt), ("negative_prompt", given.negative_prompt)):
        if not isinstance(prompt, str):
            raise EngineError(f"The {name} is not a text", f"{type(prompt).__name__}; one call makes one clip")
    if not all(isinstance(side, int) for side in given.size):
        raise EngineError("Width and height are not whole numbers", f"{given.size[0]} x {given.size[1]}")


def _preview(value: Any) -> UInt8:
    """[F, H, W, 4] uint8 from such an array or tensor, or from as many PIL images with alpha."""
    if isinstance(value, Sequence) and value and all(isinstance(frame, Image.Image) for frame in value):
        if any(frame.mode != "RGBA" for frame in value):
            raise ShotError(
                "The preview says nowhere what the photo sees",
                f"its pictures are {', '.join(sorted({frame.mode for frame in value}))}",
                "Give RGBA pictures whose alpha is 255 where the photo is seen.",
            )
        if len({frame.size for frame in value}) > 1:
            raise ShotError("The preview's pictures differ in size", f"{len(value)} pictures", "Give them all in one.")
        return np.stack([np.asarray(frame) for frame in value])
    data = _array(value)
    if data.dtype != np.uint8 or data.ndim != 4 or data.shape[-1] != 4:
        raise ShotError(
            "The preview is not a clip of RGBA pictures",
            _described(value, data),
            "Give [F, H, W, 4] uint8 or a list of RGBA PIL images, alpha 255 where the photo is seen.",
        )
    return np.ascontiguousarray(data)


def _trajectory(given: CallArguments) -> Trajectory:
    poses = _numbers("camera_to_world", given.camera_to_world)
    intrinsics = _numbers("intrinsics", given.intrinsics)
    width, height = given.size
    trajectory = Trajectory(poses, intrinsics, width, height, given.fps)
    if trajectory.intrinsics[:, [0, 1], [0, 1]].max() <= NORMALISED:
        focal = trajectory.intrinsics[0, 0, 0]
        raise CameraError(
            "The intrinsics are not in pixels",
            f"a focal length of {focal:g} in a picture of {width} x {height}",
            "Multiply their first row by the width, their second by the height.",
        )
    away = np.linalg.norm(trajectory.centres, axis=1).max()
    if away > FARTHEST:
        raise CameraError(
            "The camera path is not in metres, or not as seen from the photo's camera",
            f"it goes {away:.0f} m away from the photo",
            "Scale it to metres; the camera that took the photo stands at the identity.",
        )
    if np.abs(trajectory.camera_to_world[0, :3, :3] - OPENGL_AXES).max() < 1e-3:
        raise CameraError(
            "The camera path has OpenGL's or Blender's axes",
            "in its first frame y and z point the other way than the photo's camera has them",
            "Multiply each pose from both sides by diag(1, -1, -1, 1): x right, y down, z forward.",
        )
    return trajectory


def _photo_intrinsics(given: CallArguments, trajectory: Trajectory, photo: UInt8) -> Float64:
    """The photo's intrinsics: as given, or those of the frame that shows it, where both have one shape."""
    if given.image_intrinsics is not None:
        return _numbers("image_intrinsics", given.image_intrinsics)
    width, height = given.size
    rows, columns = photo.shape[:2]
    if abs(columns * height / (rows * width) - 1) > SAME_SHAPE:
        raise ShotError(
            "The image has another shape than the clip",
            f"{columns} x {rows} and {width} x {height} pixels",
            "Give image_intrinsics, [3, 3] in the image's pixels, or crop the image.",
        )
    home = reference_frame(trajectory.camera_to_world) or 0
    return scaled_intrinsics(trajectory.intrinsics[home], given.size, (columns, rows))


def _options(given: CallArguments) -> dict[str, SettingValue]:
    wanted = {"steps": given.steps, "guidance": given.guidance, **given.options}
    if given.preview is None and wanted.setdefault("shaping", "off") != "off":
        raise EngineError(
            "There is no preview to hold to", f"shaping is {wanted['shaping']!r}", "Give a preview, or leave it out."
        )
    for name, value in wanted.items():
        if not isinstance(value, str | bool | int | float | np.number):
            raise EngineError(f"{name} is neither a number nor a word", repr(value))
    known = [option for option in OPTIONS if option.name in ("steps", "guidance", *CALL_OPTIONS)]
    return checked_options(known, wanted, "The pipeline")


def _numbers(name: str, value: Any) -> Float64:
    try:
        return np.asarray(_array(value), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CameraError(f"The {name} are not an array of numbers", str(error)) from error


def _array(value: Any) -> Any:
    """An array of it, of a tensor too."""
    if not _is_tensor(value):
        return np.asarray(value)
    tensor = value.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor).numpy()


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach")


def _described(value: Any, data: Any) -> str:
    return f"{type(value).__name__} {list(data.shape)} {data.dtype}"
