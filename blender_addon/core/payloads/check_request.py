"""A camera check: a finished clip goes up, the camera that it shows comes back.

A request is a payload (see payload_format.py). The result is one JSON file.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from ..arrays import Float32, Float64, UInt8
from ..camera.trajectory import Trajectory, check_intrinsics, orthonormalised
from ..errors import CameraError, ShotError
from ..protocol.framing import Buffer
from ..protocol.messages import Limits
from .payload_format import PayloadFormat, PayloadHeader, check_clip, check_pixels, check_poses
from .shot import ShotSettings
from .shot_file import Pixels, check_camera_numbers, check_received_depth, received_trajectory

CHECKER = "camera-check"
"""The engine's name."""
CHECK_FILE = "check.json"
"""Name of the result's file."""
FEWEST_FRAMES = 3
"""Frames below which no camera can be found."""


@dataclass(frozen=True, eq=False)
class CheckRequest:
    """A clip whose camera is to be compared with the one asked for.

    Attributes:
        frames: [F, H, W, 3] uint8 sRGB, the clip.
        trajectory: the camera that it was to follow, in the clip's pixels.
        depth: [hd, wd] float32 metres along z seen by the photo's camera (the trajectory's world), NaN where unknown.
        depth_intrinsics: [3, 3] in the depth map's pixels.
        settings: the job's.

    Raises:
        ShotError: the clip does not fit its camera, or the depth is no map.
        CameraError: the depth's intrinsics are none.
    """

    frames: UInt8
    trajectory: Trajectory
    depth: Float32
    depth_intrinsics: Float64
    settings: ShotSettings

    def __post_init__(self) -> None:
        t = self.trajectory
        wanted = (len(t), t.height, t.width, 3)
        if self.frames.shape != wanted or self.frames.dtype != np.uint8:
            raise ShotError(
                "The clip does not fit its camera",
                f"expected {list(wanted)} uint8, got {list(self.frames.shape)} {self.frames.dtype}",
            )
        if self.depth.ndim != 2 or self.depth.dtype != np.float32:
            raise ShotError("The depth is not a float32 map", f"{list(self.depth.shape)} {self.depth.dtype}")
        check_intrinsics(np.asarray(self.depth_intrinsics, dtype=np.float64)[None])


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """How the clip's camera moved, in the world of the request's trajectory.

    Attributes:
        frames: how many the clip has.
        placed: the frames (from 0) whose camera was found, P of them.
        achieved: [P, 4, 4] camera-to-world, OpenCV axes; metres when `metric`, else scaled to fit the distances asked
            for.
        degrees: [P] angle between the camera found and the one asked for.
        metres: [P] distance between them.
        metric: whether the scale was found.
        scale: achieved distance over the one asked for; None when not metric.
        findings: sentences for the user.
    """

    frames: int
    placed: tuple[int, ...]
    achieved: tuple[tuple[tuple[float, ...], ...], ...]
    degrees: tuple[float, ...]
    metres: tuple[float, ...]
    metric: bool
    scale: float | None
    findings: tuple[str, ...]

    @property
    def poses(self) -> Float64:
        """`achieved` as an array, [P, 4, 4] float64."""
        return np.array(self.achieved, dtype=np.float64)


class _Header(PayloadHeader, frozen=True, kw_only=True, forbid_unknown_fields=True):
    settings: ShotSettings
    width: Pixels
    height: Pixels
    fps: float


def _check_header(header: _Header, limits: Limits) -> None:
    count, height, width, _ = header.buffers["frames"].shape
    check_clip("clip", count, (width, height), header.fps, limits)
    check_poses("clip", header, count)
    check_pixels("depth", header.buffers["depth"], limits)


CHECK_REQUEST = PayloadFormat(
    what="request for a camera check",
    magic=b"RCCHEK\x00\x01",
    header=_Header,
    buffers={
        "camera_to_world": ("float64", (None, 4, 4)),
        "intrinsics": ("float64", (None, 3, 3)),
        "depth_intrinsics": ("float64", (3, 3)),
        "depth": ("float32", (None, None)),
        "frames": ("uint8", (None, None, None, 3)),
    },
    check=_check_header,
)


def encode_check_request(request: CheckRequest) -> bytes:
    """The payload of a request."""
    arrays: dict[str, Buffer] = {
        "camera_to_world": request.trajectory.camera_to_world,
        "intrinsics": request.trajectory.intrinsics,
        "depth_intrinsics": np.asarray(request.depth_intrinsics, dtype=np.float64),
        "depth": request.depth,
        "frames": request.frames,
    }
    header = _Header(
        settings=request.settings,
        width=request.trajectory.width,
        height=request.trajectory.height,
        fps=float(request.trajectory.fps),
        buffers=CHECK_REQUEST.specs(arrays),
    )
    return CHECK_REQUEST.encode(header, arrays)


def decode_check_request(data: bytes | memoryview, limits: Limits) -> CheckRequest:
    """The request in a payload; its arrays are views on `data`.

    Raises:
        WireError: the bytes are no request within the limits.
        ShotError: its parts do not fit each other.
        CameraError: a camera in it is none.
    """
    header, arrays = CHECK_REQUEST.decode(data, limits)
    check_camera_numbers(depth_intrinsics=arrays["depth_intrinsics"])
    check_received_depth(arrays["depth"])
    return CheckRequest(
        frames=arrays["frames"],
        trajectory=received_trajectory(arrays, header.width, header.height, header.fps),
        depth=arrays["depth"],
        depth_intrinsics=arrays["depth_intrinsics"],
        settings=header.settings,
    )


def encode_check_result(result: CheckResult) -> bytes:
    """The JSON of a result."""
    return msgspec.json.encode(result)


def decode_check_result(data: bytes) -> CheckResult:
    """The result in a JSON file.

    Raises:
        CameraError: it cannot be read, or makes no sense.
    """
    try:
        result = msgspec.json.decode(data, type=CheckResult)
        poses = result.poses
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise CameraError("The server's camera check cannot be read", str(error), "Check the camera again.") from error
    counts = {len(result.placed), len(poses), len(result.degrees), len(result.metres)}
    in_order = list(result.placed) == sorted(set(result.placed) & set(range(result.frames)))
    if counts != {len(result.placed)} or not result.placed or not in_order or poses.shape[1:] != (4, 4):
        raise CameraError("The server's camera check makes no sense", f"frames {result.placed}, poses {poses.shape}")
    orthonormalised(poses)
    return result
