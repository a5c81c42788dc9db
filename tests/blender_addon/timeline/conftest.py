"""A clip on disk as a job leaves it, made of the real photo, and the sequencer's and compositor's pixels read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.timeline.take import ShotPlacement, Take
from blender_addon.timeline.take_folders import make_take, new_take_folder
from server.demo.motorcycle import Motorcycle
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


@pytest.fixture
def saved_blend(blender: ModuleType, tmp_path: Path) -> Path:
    """The folder of a saved .blend with one scene."""
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    return tmp_path


@pytest.fixture
def new_take(saved_blend: Path, bike: Motorcycle) -> MakeTake:
    """Makes a take on disk: (shot, frames, size, frame_start, frame_end, artist_size, pixel_aspect, grey, seed)."""

    def make(
        shot: str = "Camera",
        frames: int = 16,
        size: tuple[int, int] = (256, 160),
        frame_start: int = 1,
        frame_end: int = 96,
        artist_size: tuple[int, int] = (320, 180),
        pixel_aspect: float = 1.0,
        grey: int = 0,
        seed: int = 0,
    ) -> Take:
        folder = new_take_folder(saved_blend, shot)
        settings = ShotSettings(engine="draft", prompt="a motorcycle", seed=seed)
        write_clip(folder, clip_frames(bike.photo, frames, size, grey), settings)
        return make_take(
            folder,
            blend_folder=saved_blend,
            shot=shot,
            placement=ShotPlacement(
                artist_width=artist_size[0],
                artist_height=artist_size[1],
                pixel_aspect=pixel_aspect,
                frame_start=frame_start,
                frame_end=frame_end,
            ),
            camera="Camera",
        )

    return make


@pytest.fixture
def rendered(blender: ModuleType, tmp_path: Path) -> Callable[[int], Pixels]:
    """Renders a scene frame through sequencer or compositor, and reads the picture back: [h, w, 3] uint8."""
    render = blender.context.scene.render
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "IMAGE"
    render.image_settings.file_format = "PNG"
    render.resolution_x, render.resolution_y, render.resolution_percentage = 320, 180, 100
    render.dither_intensity = 0.0
    render.engine = "BLENDER_WORKBENCH"

    def read(frame: int) -> Pixels:
        blender.context.scene.frame_set(frame)
        render.filepath = str(tmp_path / "rendered.png")
        blender.ops.render.render(write_still=True)
        with Image.open(render.filepath) as picture:
            return np.array(picture.convert("RGB"))

    return read
