"""Read a clip's frames: a video file, or a folder of pictures in natural order of their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.formats.frame_order import natural_order
from blender_addon.core.errors import PhotoError, RealCamError
from blender_addon.core.foreign_files import copied_from, is_foreign
from blender_addon.core.photo.colour_marks import HDR, coded_space
from blender_addon.core.photo.rgb_space import RgbSpace
from server.depth.photo_files import read_as_stored

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
"""Endings of picture files, in lower case."""
VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})
"""Endings of video files, in lower case."""

_WIDE = (9, 12)
"""BT.2020 and Display P3, by H.273's numbers of primaries; those of older television differ little from sRGB's."""
_SRGB = 13
"""Curve of all video that is not HDR, as screens show it."""
_SQUARE = 0.01
"""How far a pixel's aspect may be off 1: programs that scale leave what rounding to whole pixels cost."""

_DEPTH_MAP = re.compile(r"(^|[^a-z])depth[^a-z]*$", re.IGNORECASE)
"""Stems of depth maps beside the frames: depth_0001, frame-000000.depth; not depth_of_field_0001."""


class ClipError(RealCamError):
    """A clip's frames or its depth cannot be read."""


def read_frames(clip: Path) -> UInt8:
    """The frames of a clip.

    Args:
        clip: a video, a folder of pictures, or a folder with frames/ or images/ inside.

    Returns:
        [F, H, W, 3] uint8 sRGB.

    Raises:
        ClipError: there is no such clip, it has no frame, its frames differ in size or are of several series, or one
            cannot be read.
    """
    if clip.is_dir():
        files = picture_files(clip)
        _check_one_series(files)
        return read_pictures(files)
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
    """One picture, [H, W, 3] uint8 sRGB, as it is stored: data sets give cameras of the stored pictures.

    Raises:
        ClipError: the file cannot be read; the message names it.
    """
    try:
        if file.suffix.lower() != ".bmp":
            return read_as_stored(file)
        with Image.open(file) as picture:
            return np.array(picture.convert("RGB"))
    except PhotoError as error:
        raise ClipError("A picture cannot be read", error.why, error.remedy) from error
    except OSError as error:
        why = "it is not a picture" if isinstance(error, UnidentifiedImageError) else error.strerror or error
        raise ClipError("A picture cannot be read", f"{file}: {why}") from error


def picture_files(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder, or of the frames/ or images/ inside it, in natural order.

    Hidden files, which macOS writes beside every file on foreign disks (._0000.png), copies that a file manager or a
    sync client made of a picture beside them, and depth maps are left out. Where the folder itself has a single
    picture, a contact sheet perhaps, the folders inside come first.

    Raises:
        ClipError: there is none.
    """
    places = [_pictures(place) for place in (folder, folder / "frames", folder / "images")]
    for found in (*(place for place in places if len(place) > 1), *places):
        if found:
            return tuple(found[i] for i in natural_order([file.name for file in found]))
    raise ClipError("The folder holds no picture", str(folder), f"Known endings: {', '.join(sorted(PICTURES))}.")


def visible(files: Iterable[Path]) -> list[Path]:
    """The files without those that file managers and file systems left."""
    return [file for file in files if not is_foreign(file.name)]


def _pictures(folder: Path) -> list[Path]:
    pictures = [file for file in visible(folder.glob("*")) if file.suffix.lower() in PICTURES]
    names = {file.name for file in pictures}
    return [file for file in pictures if not _DEPTH_MAP.search(file.stem) and copied_from(file.name) not in names]


def _check_one_series(files: tuple[Path, ...]) -> None:
    """Refuse pictures of several series, which would follow each other as one clip: colour_0001 and normal_0001."""
    series = Counter(re.sub(r"\d+", "#", file.stem) for file in files)
    several = [f"{name} ({count})" for name, count in series.items() if count > 1]
    if len(several) > 1:
        raise ClipError(
            "It is not certain which pictures are the clip's frames",
            f"{files[0].parent} holds {', '.join(several)}",
            "Put the clip's frames into a folder of their own.",
        )


@dataclass(frozen=True)
class VideoFacts:
    """What a video says of itself.

    Attributes:
        size: (width, height) of a frame as it is shown, pixels.
        frames: how many.
        fps: frames per second, the mean; 0 where the file does not say.
    """

    size: tuple[int, int]
    frames: int
    fps: float


def video_facts(file: Path) -> VideoFacts:
    """What a video says of itself; only its first frame is decoded.

    Raises:
        ClipError: it cannot be read, or not be used.
    """
    with _opened(file) as (container, stream, space):
        count = stream.frames or len(_stamps(container, stream))
        container.seek(0)
        first = next((_shown(frame, file, space) for frame in container.decode(stream)), None)
        rate = float(stream.average_rate or 0)
    if first is None:
        raise ClipError("The video has no frame", str(file))
    return VideoFacts((first.shape[1], first.shape[0]), count, rate)


def read_video_frames(file: Path, indices: Sequence[int]) -> UInt8:
    """Some frames of a video; decoding begins at the key frame before the first of them.

    Args:
        file: the video.
        indices: of the frames in the order in which they are shown.

    Returns:
        [F, H, W, 3] uint8 sRGB, in the order of `indices`.

    Raises:
        ClipError: it cannot be read, not be used, or has not all of these frames.
    """
    found: dict[int, UInt8] = {}
    with _opened(file) as (container, stream, space):
        stamps = _stamps(container, stream)
        if max(indices) >= len(stamps):
            raise ClipError("The video has too few frames", f"{file} has {len(stamps)}, frame {max(indices)} is wanted")
        wanted = {stamps[index]: index for index in indices}
        container.seek(min(wanted), stream=stream, backward=True)
        for frame in container.decode(stream):
            if frame.pts in wanted:
                found[wanted[frame.pts]] = _shown(frame, file, space)
            if len(found) == len(wanted):
                break
    absent = sorted(set(indices) - set(found))
    if absent:
        raise ClipError("The video is damaged", f"{file}: frame {absent[0]} cannot be decoded", "Copy it again.")
    return np.stack([found[index] for index in indices])


def _read_video(file: Path) -> UInt8:
    with _opened(file) as (container, stream, space):
        frames = [_shown(frame, file, space) for frame in container.decode(stream)]
    if not frames:
        raise ClipError("The video has no frame", str(file))
    return np.stack(frames)


@contextmanager
def _opened(file: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream, RgbSpace | None]]:
    """The open video, its stream of pictures, and the colours to convert from, None for sRGB's."""
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            _refuse_video(file, stream)
            primaries = stream.codec_context.color_primaries
            yield container, stream, coded_space(primaries, _SRGB) if primaries in _WIDE else None
    except (OSError, ValueError, IndexError) as error:  # PyAV's errors derive from these
        raise ClipError("The video cannot be read", f"{file}: {error}") from error


def _stamps(container: av.container.InputContainer, stream: av.VideoStream) -> list[int]:
    """When each frame is shown, in units of the stream's time base, sorted; nothing is decoded."""
    packets = (p for p in container.demux(stream) if p.size and not p.is_discard)
    return sorted(p.pts for p in packets if p.pts is not None)


def _refuse_video(file: Path, stream: av.VideoStream) -> None:
    """Refuse a video that is HDR, or whose pixels are not square.

    Raises:
        ClipError: with what to do.
    """
    curve, aspect = stream.codec_context.color_trc, stream.sample_aspect_ratio or 1
    if curve in HDR:
        raise ClipError("The video cannot be used", f"{file} is HDR ({HDR[curve]})", "Convert it to SDR (BT.709).")
    if abs(float(aspect) - 1) > _SQUARE:
        remedy = "Scale it: ffmpeg -i IN -vf scale=iw*sar:ih,setsar=1 OUT."
        raise ClipError("The video cannot be used", f"{file} has pixels that are not square ({aspect})", remedy)


def _shown(frame: av.VideoFrame, file: Path, space: RgbSpace | None) -> UInt8:
    """[H, W, 3] uint8 sRGB of a frame: its range, bits and colours as it says, and turned as a phone's portrait is.

    Raises:
        ClipError: half of its rows are of another moment, or it is damaged.
    """
    if frame.interlaced_frame:
        remedy = "Deinterlace it: ffmpeg -i IN -vf bwdif OUT."
        raise ClipError("The video cannot be used", f"{file} is interlaced", remedy)
    if frame.is_corrupt:
        raise ClipError("The video is damaged", f"{file} at {frame.time or 0:.2f} s", "Copy it again.")
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    return np.rot90(pixels if space is None else space.srgb(pixels), round(frame.rotation / 90))
