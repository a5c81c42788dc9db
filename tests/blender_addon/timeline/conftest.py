"""A clip on disk as a job leaves it, made of the real photo, and the sequencer's and compositor's pixels read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.timeline.take import ShotPlacement, Take
from blender_addon.timeline.take_folders import make_take, new_take_folder
from server.demo.motorcycle import Motorcycle
from tests.support.clips import MakeTake, Pixels, clip_frames, write_clip


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
