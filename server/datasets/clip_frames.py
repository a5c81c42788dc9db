"""Read a clip's frames: a video file, or a folder of pictures in natural order of their names."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.formats.frame_order import natural_order
from blender_addon.core.errors import RealCamError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
"""Endings of picture files, in lower case."""
VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})
"""Endings of video files, in lower case."""


class ClipError(RealCamError):
    """A clip's frames or its depth cannot be read."""


def read_frames(clip: Path) -> UInt8:
    """The frames of a clip.

    Args:
        clip: a video, a folder of pictures, or a folder with frames/ or images/ inside.

    Returns:
        [F, H, W, 3] uint8 sRGB.

    Raises:
        ClipError: there is no such clip, it has no frame, its frames differ in size, or one cannot be read.
    """
    if clip.is_dir():
        return read_pictures(picture_files(clip))
    if clip.suffix.lower() in VIDEOS and clip.is_file():
        return _read_video(clip)
    raise ClipError(
        "There is no such clip",
        f"{clip} is neither a video nor a folder of pictures",
        f"Known endings: {', '.join(sorted(VIDEOS))}.",
    )


def read_pictures(files: tuple[Path, ...]) -> UInt8:
    """Picture files of one size as frames [F, H, W, 3] uint8 sRGB.

    Raises:
        ClipError: their sizes differ, or one cannot be read.
    """
    frames = [read_picture(file) for file in files]
    sizes = {frame.shape for frame in frames}
    if len(sizes) > 1:
        raise ClipError("The frames differ in size", f"{sorted({shape[1::-1] for shape in sizes})} pixels")
    return np.stack(frames)


def read_picture(file: Path) -> UInt8:
    """One picture, [H, W, 3] uint8 sRGB.

    Raises:
        ClipError: the file cannot be read; the message names it.
    """
    try:
        with Image.open(file) as picture:
            return np.array(picture.convert("RGB"))
    except OSError as error:
        why = "it is not a picture" if isinstance(error, UnidentifiedImageError) else error.strerror or error
        raise ClipError("A picture cannot be read", f"{file}: {why}") from error


def picture_files(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder, or of the frames/ or images/ inside it, in natural order.

    Files with "depth" in their name are left out.

    Raises:
        ClipError: there is none.
    """
    for place in (folder, folder / "frames", folder / "images"):
        found = [file for file in place.glob("*") if file.suffix.lower() in PICTURES and "depth" not in file.name]
        if found:
            return tuple(found[i] for i in natural_order([file.name for file in found]))
    raise ClipError("The folder holds no picture", str(folder), f"Known endings: {', '.join(sorted(PICTURES))}.")


def _read_video(file: Path) -> UInt8:
    try:
        with av.open(str(file)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (OSError, ValueError, IndexError) as error:  # PyAV's errors derive from these
        raise ClipError("The video cannot be read", f"{file}: {error}") from error
    if not frames:
        raise ClipError("The video has no frame", str(file))
    return np.stack(frames)
