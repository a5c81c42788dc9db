"""A shot as a job payload: its encoder, its decoder, and the checks of its numbers."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta

from ..arrays import Float32, Float64
from ..camera.trajectory import Trajectory
from ..errors import CameraError, ShotError, WireError
from ..protocol.framing import Buffer
from ..protocol.messages import Limits
from .payload_format import PayloadFormat, PayloadHeader, check_clip, check_pixels, check_poses
from .shot import Shot, ShotSettings

LARGEST_NUMBER = 1e9
"""Metres and pixels beyond this are no camera's, and would overflow in later computations."""
NEAREST = 1e-6
"""Metres. A depth below it can only be a mistake."""

Pixels = Annotated[int, Meta(ge=1, le=2**20)]


class ShotHeader(PayloadHeader, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything of a shot but its arrays. `width` and `height` are the clip's in pixels, `fps` is frames a second."""

    settings: ShotSettings
    width: Pixels
    height: Pixels
    fps: float
    depth_edge: float

    @property
    def frames(self) -> int:
        """The number of frames of the clip."""
        return self.buffers["camera_to_world"].shape[0]


def _check_header(header: ShotHeader, limits: Limits) -> None:
    """Check every number of the header against the limits, before an array is made."""
    check_clip("shot", header.frames, (header.width, header.height), header.fps, limits)
    check_poses("shot", header, header.frames)
    for name in ("photo", "depth"):
        check_pixels(name, header.buffers[name], limits)
    if "last_image" in header.buffers:
        check_pixels("last image", header.buffers["last_image"], limits)
    if header.buffers["preview"].shape != (header.frames, header.height, header.width, 4):
        raise WireError(
            "The preview does not fit the clip",
            f"{list(header.buffers['preview'].shape)} for {header.frames} frames of {header.width} x {header.height}",
        )
    settings = header.settings
    longest = max(len(settings.prompt), len(settings.negative_prompt))
    if longest > limits.prompt:
        raise WireError("The prompt is too long", f"{longest} characters, allowed {limits.prompt}")
    if not 0 < header.depth_edge < LARGEST_NUMBER:
        raise WireError("The shot's numbers make no sense", f"depth edge {header.depth_edge}")


SHOT = PayloadFormat(
    what="shot",
    magic=b"RCSHOT\x00\x01",
    header=ShotHeader,
    buffers={
        "camera_to_world": ("float64", (None, 4, 4)),
        "intrinsics": ("float64", (None, 3, 3)),
        "photo_intrinsics": ("float64", (3, 3)),
        "depth": ("float32", (None, None)),
        "photo": ("uint8", (None, None, 3)),
        "preview": ("uint8", (None, None, None, 4)),
        "last_image": ("uint8", (None, None, 3)),
    },
    check=_check_header,
    optional=frozenset({"last_image"}),
)


def encode_shot(shot: Shot) -> bytes:
    """The payload of a shot. Its SHA-256 is the digest that the job is submitted with."""
    arrays: dict[str, Buffer] = {
        "camera_to_world": shot.trajectory.camera_to_world,
        "intrinsics": shot.trajectory.intrinsics,
        "photo_intrinsics": np.asarray(shot.photo_intrinsics, dtype=np.float64),
        "depth": shot.depth,
        "photo": shot.photo,
        "preview": shot.preview,
    }
    if shot.last_image is not None:
        arrays["last_image"] = shot.last_image
    header = ShotHeader(
        settings=shot.settings,
        width=shot.trajectory.width,
        height=shot.trajectory.height,
        fps=float(shot.trajectory.fps),
        depth_edge=float(shot.depth_edge),
        buffers=SHOT.specs(arrays),
    )
    return SHOT.encode(header, arrays)


def decode_shot(data: bytes | memoryview, limits: Limits) -> Shot:
    """The shot in a payload; its arrays are views on `data`.

    Raises:
        WireError: the bytes are no shot within the limits.
        ShotError: the parts do not fit each other (a preview of another size ...).
        CameraError: a camera is none (NaN poses ...).
    """
    header, arrays = SHOT.decode(data, limits)
    check_camera_numbers(photo_intrinsics=arrays["photo_intrinsics"])
    trajectory = received_trajectory(arrays, header.width, header.height, header.fps)
    check_received_depth(arrays["depth"])
    return Shot(
        trajectory=trajectory,
        preview=arrays["preview"],
        photo=arrays["photo"],
        photo_intrinsics=arrays["photo_intrinsics"],
        depth=arrays["depth"],
        settings=header.settings,
        depth_edge=header.depth_edge,
        last_image=arrays.get("last_image"),
    )


def received_trajectory(arrays: dict[str, Buffer], width: int, height: int, fps: float) -> Trajectory:
    """The camera in a payload's arrays `camera_to_world` and `intrinsics`.

    Args:
        arrays: `camera_to_world` [F, 4, 4] and `intrinsics` [F, 3, 3], float64.
        width: of the clip in pixels.
        height: of the clip in pixels.
        fps: frames a second.

    Raises:
        CameraError: the numbers are no camera.
    """
    poses, intrinsics = arrays["camera_to_world"], arrays["intrinsics"]
    check_camera_numbers(camera_to_world=poses, intrinsics=intrinsics)
    try:
        # A matrix that is no rotation may overflow while it is checked.
        with np.errstate(all="ignore"):
            return Trajectory(poses, intrinsics, width, height, fps)
    except np.linalg.LinAlgError as error:
        raise CameraError("A pose is not a rigid motion", str(error)) from error


def check_camera_numbers(**arrays: Float64) -> None:
    """Refuse NaN, infinite and huge numbers.

    Raises:
        CameraError: an array has some; it is named by its keyword.
    """
    for name, array in arrays.items():
        if not (np.abs(array) < LARGEST_NUMBER).all():
            raise CameraError("A camera is not made of reasonable numbers", f"{name} has NaN, infinite or huge entries")


def check_received_depth(depth: Float32) -> None:
    """Refuse infinite depth, and depth so near that its inverse overflows.

    Raises:
        ShotError: the map has some.
    """
    if np.isinf(depth).any():
        raise ShotError("The depth is not a float32 map", "it holds infinite values; unknown depth is NaN")
    if ((depth > 0) & (depth < NEAREST)).any():
        raise ShotError("The depth is no scene's", f"it holds values below {NEAREST:g} m; unknown depth is NaN")
