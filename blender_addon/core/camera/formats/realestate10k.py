"""RealEstate10K: a URL line, then 19 numbers a frame.

timestamp (microseconds), fx fy cx cy (fx and cx as parts of the width, fy and cy of the height), two zeros, and the
upper 3 x 4 of world-to-camera, row by row. OpenCV axes; the translation is in the clip's own unit. The picture's middle
is cx = cy = 0.5, which is (width / 2, height / 2) in our pixels too, so nothing shifts.

Between the URL and the cameras, RealCam's training data has two more lines: where the clip's video is, and its caption.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...arrays import Float64
from ...errors import CameraError
from ..trajectory import Trajectory, inverse, orthonormalised
from .camera_file import CameraFile, Known, pose_matrices
from .frame_times import frame_times
from .pose_convention import inverted_pose_note
from .text_lines import data_lines, numbers, read_text, split_fields

NAME = "realestate10k"
COLUMNS = 19
"""Numbers of a frame's line."""
HEADER_LINES = 3
"""Most lines before the cameras."""
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)


@dataclass(frozen=True)
class ClipHeader:
    """What stands before a file's cameras; "" for what does not.

    Attributes:
        url: of the film that the clip is cut from.
        clip: FILM/CLIP, where the clip's video lies in the data set, without its ending.
        caption: what is to be seen, in words.
    """

    url: str = ""
    clip: str = ""
    caption: str = ""


def clip_header(path: Path) -> ClipHeader:
    """What a RealEstate10K file says before its cameras.

    Raises:
        CameraError: the file is not text.
        OSError: it cannot be read.
    """
    lines = data_lines(read_text(path))
    return ClipHeader(*(line for _, line in lines[: _header_length(lines)]))


def read(path: Path, known: Known) -> CameraFile:
    """Read a RealEstate10K file. The URL line may be missing, and the timestamps may be 0 or in another unit.

    Args:
        path: the file.
        known: must give the size, which the file does not store.

    Returns:
        The cameras; `timestamps` is None when the file's are all 0 or do not increase.

    Raises:
        CameraError: the size is not known, a line has not 19 finite numbers, or the intrinsics are not normalised.
    """
    width, height = known.needed_size("RealEstate10K")
    lines = data_lines(read_text(path))
    notes = []
    header = _header_length(lines)
    if header and "://" not in lines[0][1]:
        notes.append(f"The first line is no URL ({lines[0][1][:60]}): another program wrote this file.")
    lines = lines[header:]
    if not lines:
        raise CameraError("The file holds no camera", "no line of 19 numbers")
    table = np.array([numbers(split_fields(line), number, COLUMNS) for number, line in lines])
    if np.abs(table[:, 5:7]).max() > 0:
        notes.append("Columns 6 and 7 should be 0 and are not; they were ignored.")
    times = frame_times(table[:, 0], "microseconds", known)
    world_to_camera = pose_matrices(table[:, 7:].reshape(-1, 3, 4)[..., :3], table[:, 7:].reshape(-1, 3, 4)[..., 3])
    trajectory = Trajectory(
        inverse(orthonormalised(world_to_camera)),
        _pixels(table[:, 1:5], width, height),
        width,
        height,
        times.fps,
    )
    return CameraFile(trajectory, NAME, timestamps=times.seconds, notes=tuple(notes)).with_notes(
        times.note,
        _aspect_note(trajectory),
        inverted_pose_note(trajectory.camera_to_world, "world-to-camera"),
    )


def write(path: Path, trajectory: Trajectory, names: Sequence[str], timestamps: Float64 | None) -> None:
    """Write a RealEstate10K file, with a URL line that names RealCam.

    Args:
        path: the file.
        trajectory: the cameras; intrinsics are stored relative to the size.
        names: not kept.
        timestamps: [F] seconds, rounded to microseconds; None for frame / fps.
    """
    seconds = np.arange(len(trajectory)) / trajectory.fps if timestamps is None else timestamps
    lines = ["realcam://trajectory"]
    for time, k, pose in zip(seconds, trajectory.intrinsics, trajectory.world_to_camera, strict=True):
        lens = (k[0, 0] / trajectory.width, k[1, 1] / trajectory.height, k[0, 2] / trajectory.width)
        values = (*lens, k[1, 2] / trajectory.height, 0.0, 0.0, *pose[:3].ravel())
        lines.append(" ".join([str(round(time * 1e6)), *(f"{value:.17g}" for value in values)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _header_length(lines: list[tuple[int, str]]) -> int:
    """How many lines stand before the cameras: the first, unless it has a camera's, and after a URL lines of words."""
    if not lines or len(split_fields(lines[0][1])) == COLUMNS:
        return 0
    if "://" not in lines[0][1]:
        return 1
    cameras = (number for number, (_, line) in enumerate(lines[:HEADER_LINES]) if number and not _is_words(line))
    return next(cameras, min(HEADER_LINES, len(lines)))


def _is_words(line: str) -> bool:
    """Whether most of a line is no numbers: a camera's line with a slip in it stays one, and is refused."""
    fields = split_fields(line)
    return sum(_NUMBER.fullmatch(field) is None for field in fields) * 2 > len(fields)


def _pixels(lens: Float64, width: int, height: int) -> Float64:
    """[F, 3, 3] px from normalised (fx, fy, cx, cy) [F, 4]."""
    if np.abs(lens).max() > 20:
        raise CameraError(
            "The intrinsics are not normalised",
            f"found {np.abs(lens).max():g} where parts of the width or height belong",
            "Divide fx and cx by the width, fy and cy by the height.",
        )
    intrinsics = np.tile(np.eye(3), (len(lens), 1, 1))
    intrinsics[:, [0, 1, 0, 1], [0, 1, 2, 2]] = lens * [width, height, width, height]
    return intrinsics


def _aspect_note(trajectory: Trajectory) -> str:
    fx, fy = trajectory.intrinsics[0, 0, 0], trajectory.intrinsics[0, 1, 1]
    if abs(fx / fy - 1) < 0.02:
        return ""
    return (
        f"The pixels are not square: focal lengths {fx:.0f} and {fy:.0f} px at {trajectory.width} x "
        f"{trajectory.height}. The file was written for another aspect, or with a wrong focal length."
    )
