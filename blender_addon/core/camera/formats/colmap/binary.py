"""COLMAP's binary model: cameras.bin and images.bin in one folder (points3D.bin is not needed). Little endian."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....arrays import Float64
from ....errors import CameraError
from ...trajectory import Trajectory
from ..camera_file import CameraFile, Known
from . import model
from .model import Camera, Image

NAME = "colmap-binary"

COUNT = struct.Struct("<Q")
"""Number of cameras, of images, or of an image's points."""
CAMERA = struct.Struct("<iiQQ")
"""Camera id, model id, width, height."""
IMAGE = struct.Struct("<I7dI")
"""Image id, quaternion (w, x, y, z), translation, camera id."""
POINT_BYTES = 24
"""Bytes of one 2D point (x, y, 3D point id), which are skipped."""


def read(folder: Path, known: Known) -> CameraFile:
    """Read the model in a folder.

    Args:
        folder: holds cameras.bin and images.bin.
        known: its rate is used; size and intrinsics are in the model.

    Raises:
        CameraError: a file ends too early, or the model holds no pinhole cameras of one aspect; see model.
    """
    cameras = _cameras((folder / "cameras.bin").read_bytes())
    return model.from_model(cameras, _images((folder / "images.bin").read_bytes()), known)


def write(folder: Path, trajectory: Trajectory, names: Sequence[str], timestamps: Float64 | None) -> None:
    """Write cameras.bin, images.bin and an empty points3D.bin.

    Args:
        folder: is made when it is not there.
        trajectory: its frame rate is not kept.
        names: [F] picture names, or empty for numbered ones.
        timestamps: not kept.
    """
    cameras, images = model.to_model(trajectory, names)
    model_ids = {name: index for index, (name, _) in enumerate(model.MODELS)}
    folder.mkdir(parents=True, exist_ok=True)
    packed = [COUNT.pack(len(cameras))]
    for key, camera in cameras.items():
        packed.append(CAMERA.pack(key, model_ids[camera.model], camera.width, camera.height))
        packed.append(struct.pack(f"<{len(camera.parameters)}d", *camera.parameters))
    (folder / "cameras.bin").write_bytes(b"".join(packed))
    packed = [COUNT.pack(len(images))]
    for key, image in enumerate(images, start=1):
        packed.append(IMAGE.pack(key, *image.quaternion, *image.translation, image.camera_id))
        packed.append(image.name.encode() + b"\0" + COUNT.pack(0))
    (folder / "images.bin").write_bytes(b"".join(packed))
    (folder / "points3D.bin").write_bytes(COUNT.pack(0))


def _cameras(data: bytes) -> dict[int, Camera]:
    (count,) = _unpack(COUNT, data, 0)
    offset = COUNT.size
    cameras = {}
    for _ in range(count):
        key, model_id, width, height = _unpack(CAMERA, data, offset)
        offset += CAMERA.size
        if not 0 <= model_id < len(model.MODELS):
            raise CameraError("A camera model is not known", f"camera {key} has COLMAP model id {model_id}")
        name, parameter_count = model.MODELS[model_id]
        layout = struct.Struct(f"<{parameter_count}d")
        cameras[key] = Camera(name, width, height, _unpack(layout, data, offset))
        offset += layout.size
    return cameras


def _images(data: bytes) -> list[Image]:
    (count,) = _unpack(COUNT, data, 0)
    offset = COUNT.size
    images = []
    for index in range(count):
        values = _unpack(IMAGE, data, offset)
        offset += IMAGE.size
        end = data.find(b"\0", offset)
        if end < 0:
            raise CameraError("images.bin ends too early", f"in the name of picture {index + 1} of {count}")
        name = data[offset:end].decode("utf-8", errors="replace")
        (points,) = _unpack(COUNT, data, end + 1)
        offset = end + 1 + COUNT.size + points * POINT_BYTES
        images.append(Image(name, values[8], values[1:5], values[5:8], index + 1))
    if offset > len(data):
        raise CameraError("images.bin ends too early", f"{len(data)} bytes, {offset} expected")
    return images


def _unpack(layout: struct.Struct, data: bytes, offset: int) -> tuple[Any, ...]:
    if offset + layout.size > len(data):
        raise CameraError("The COLMAP model ends too early", f"{len(data)} bytes, {offset + layout.size} expected")
    return layout.unpack_from(data, offset)
