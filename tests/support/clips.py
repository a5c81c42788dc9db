"""Clips on disk as jobs leave them, whose frames can be told apart when they are seen again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.timeline.take import Take
from server.service.workers.clip_files import write_clip_files

Pixels = NDArray[np.uint8]
MakeTake = Callable[..., Take]


def clip_frames(photo: Pixels, frames: int, size: tuple[int, int], grey: int = 0) -> Pixels:
    """[F, h, w, 3]: windows of the photo, each with a mark in grey `grey + 8 * index` that tells the frame."""
    width, height = size
    picture = Image.fromarray(photo)
    made = []
    for index in range(frames):
        window = picture.resize(
            (width, height), box=(2 * index, index, picture.width - 60 + 2 * index, picture.height - 40)
        )
        pixels = np.array(window)
        pixels[height // 2 - 24 : height // 2 + 24, width // 2 - 24 : width // 2 + 24] = grey + 8 * index
        made.append(pixels)
    return np.stack(made)


def frame_shown(pixels: Pixels, grey: int = 0) -> int:
    """The clip frame whose mark is in the middle of a picture."""
    height, width, _ = pixels.shape
    return round((float(pixels[height // 2 - 2 : height // 2 + 2, width // 2 - 2 : width // 2 + 2].mean()) - grey) / 8)


def draw_quadrant(path: Path, corner: NDArray[np.float64]) -> None:
    """White right of and below a corner, dark grey elsewhere."""
    with Image.open(path) as picture:
        pixels = np.full((picture.height, picture.width, 3), 60, np.uint8)
    x, y = corner.astype(int)
    pixels[y:, x:] = 255
    Image.fromarray(pixels).save(path)


def quadrant(pixels: NDArray[Any]) -> tuple[float, float]:
    """Where the corner of the white quadrant is, to a fraction of a pixel: from its share of a row and a column."""
    grey = pixels[..., 0].astype(float)
    share = (grey - grey[2, 2]) / (grey[-3, -3] - grey[2, 2])
    height, width = share.shape
    return float(width - share[-3].sum()), float(height - share[:, -3].sum())


def write_clip(folder: Path, frames: Pixels, settings: ShotSettings) -> None:
    """The files of a finished job, as the server writes them."""
    count, height, width, _ = frames.shape
    pose, intrinsics = np.eye(4).tolist(), [[500.0, 0.0, width / 2], [0.0, 500.0, height / 2], [0.0, 0.0, 1.0]]
    metadata = ClipMetadata(
        engine=settings.engine,
        engine_version="1",
        settings=settings,
        width=width,
        height=height,
        fps=24.0,
        camera_to_world=[pose] * count,
        intrinsics=[intrinsics] * count,
        draft=True,
    )
    write_clip_files(folder, Clip(frames, metadata))
