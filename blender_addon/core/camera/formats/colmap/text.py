"""COLMAP's text model: cameras.txt and images.txt in one folder (points3D.txt is not needed)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ....arrays import Float64
from ....errors import CameraError
from ...trajectory import Trajectory
from ..camera_file import CameraFile, Known
from ..text_lines import data_lines, numbers, read_text
from . import model
from .model import Camera, Image

NAME = "colmap"


def read(folder: Path, known: Known) -> CameraFile:
    """Read the model in a folder. Lines of 2D points may be empty or left out.

    Args:
        folder: holds cameras.txt and images.txt.
        known: its rate is used; size and intrinsics are in the model.

    Raises:
        CameraError: a line is malformed, or the model holds no pinhole cameras of one aspect; see model.
    """
    cameras = dict(_camera(line, number) for number, line in data_lines(read_text(folder / "cameras.txt")))
    return model.from_model(cameras, _images(read_text(folder / "images.txt")), known)


def write(folder: Path, trajectory: Trajectory, names: Sequence[str], timestamps: Float64 | None) -> None:
    """Write cameras.txt, images.txt and an empty points3D.txt.

    Args:
        folder: is made when it is not there.
        trajectory: its frame rate is not kept.
        names: [F] picture names, or empty for numbered ones.
        timestamps: not kept.
    """
    cameras, images = model.to_model(trajectory, names)
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    lines += [
        f"{key} {camera.model} {camera.width} {camera.height} {_joined(camera.parameters)}"
        for key, camera in cameras.items()
    ]
    (folder / "cameras.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[] as (X, Y, POINT3D_ID)"]
    for key, image in enumerate(images, start=1):
        lines += [f"{key} {_joined((*image.quaternion, *image.translation))} {image.camera_id} {image.name}", ""]
    (folder / "images.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "points3D.txt").write_text("# no points\n", encoding="utf-8")


def _joined(values: Sequence[float]) -> str:
    return " ".join(f"{value:.17g}" for value in values)


def _camera(line: str, number: int) -> tuple[int, Camera]:
    fields = line.split()
    if len(fields) < 5:
        raise CameraError("cameras.txt has a short line", f"line {number}: {line[:60]}")
    key, width, height = (int(value) for value in numbers([fields[0], fields[2], fields[3]], number))
    parameters = tuple(numbers(fields[4:], number))
    expected = dict(model.MODELS).get(fields[1])
    if expected is not None and len(parameters) != expected:
        raise CameraError(
            "A camera has the wrong number of parameters",
            f"line {number}: {fields[1]} has {len(parameters)}, expected {expected}",
        )
    if width <= 0 or height <= 0:
        raise CameraError("A camera has no size", f"line {number}: {width} x {height}")
    return key, Camera(fields[1], width, height, parameters)


def _images(text: str) -> list[Image]:
    lines = [line.strip() for line in text.splitlines()]
    images = []
    points_may_follow = False
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            points_may_follow = points_may_follow and bool(line.startswith("#"))
        elif points_may_follow and _is_points(line):
            points_may_follow = False
        else:
            images.append(_image(line, number))
            points_may_follow = True
    return images


def _is_points(line: str) -> bool:
    # x y id, over and over; an image line has 10 fields, or ends with a name.
    fields = line.split()
    try:
        return len(fields) % 3 == 0 and bool([float(field) for field in fields])
    except ValueError:
        return False


def _image(line: str, number: int) -> Image:
    fields = line.split(maxsplit=9)
    if len(fields) < 10:
        raise CameraError(
            "images.txt has a short line", f"line {number} has {len(fields)} values, expected 10: {line[:60]}"
        )
    values = numbers(fields[1:9], number)
    return Image(fields[9], int(values[7]), tuple(values[:4]), tuple(values[4:7]), number)
