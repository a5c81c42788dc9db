"""Results as files. A clip: clip.mp4 to look at, frames/*.png to work with, metadata.json to reproduce it.

Where an engine hands back what it added to the scene, that is background.npz beside them.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import msgspec
import numpy as np
from av.video.reformatter import Colorspace
from PIL import Image

from blender_addon.core.arrays import UInt8
from blender_addon.core.payloads.background import BACKGROUND_FILE, encode_background
from blender_addon.core.payloads.check_request import CHECK_FILE, CheckResult, encode_check_result
from blender_addon.core.payloads.clip import Clip, ClipSidecar
from blender_addon.core.payloads.depth_request import DEPTH_FILE, DepthResult, encode_depth_result
from blender_addon.core.protocol.messages import ResultFile

PNG = {"pred": "up", "compression_level": "1"}
"""FFmpeg's options: 10 ms for a frame of 512 x 320 where Pillow's fastest takes 17, for a twentieth more bytes."""
H264 = {"crf": "12", "preset": "veryfast", "g": "8"}
"""Visually lossless; a key frame every 8 frames, so that scrubbing in the sequencer is light."""
BT709 = 1
"""The number of BT.709 in H.264's colour tables: matrix, primaries and transfer alike."""


def write_clip_files(folder: Path, clip: Clip) -> tuple[ResultFile, ...]:
    """Write and sync all files of a clip; frames are encoded in parallel.

    The same clip gives the same clip.mp4, byte for byte: only metadata.json says how long it took.

    Args:
        folder: existing and empty.
        clip: what to write.

    Returns:
        What was written, names relative to `folder`.

    Raises:
        OSError: it cannot be written.
    """
    (folder / "frames").mkdir()
    sidecar = msgspec.json.encode(ClipSidecar(metadata=clip.metadata, notes=clip.notes))
    timeless = msgspec.structs.replace(clip.metadata, seconds=0.0)
    comment = msgspec.json.encode(ClipSidecar(metadata=timeless, notes=clip.notes)).decode()
    makers: list[tuple[str, Callable[[], bytes]]] = [
        ("clip.mp4", partial(encode_mp4, clip.frames, clip.metadata.fps, comment)),
        *((f"frames/{index:04d}.png", partial(encode_png, frame)) for index, frame in enumerate(clip.frames)),
        ("metadata.json", lambda: sidecar),
    ]
    if clip.background:
        makers.append((BACKGROUND_FILE, partial(encode_background, clip.background)))
    with ThreadPoolExecutor(max_workers=max(2, min(8, os.cpu_count() or 2))) as pool:
        return tuple(pool.map(lambda item: _write(folder, item[0], item[1]()), makers))


def write_depth_files(folder: Path, result: DepthResult) -> tuple[ResultFile, ...]:
    """Write and sync depth.npz.

    Args:
        folder: existing and empty.
        result: what to write.

    Returns:
        What was written, its name relative to `folder`.

    Raises:
        OSError: it cannot be written.
    """
    return (_write(folder, DEPTH_FILE, encode_depth_result(result)),)


def write_check_files(folder: Path, result: CheckResult) -> tuple[ResultFile, ...]:
    """Write and sync check.json.

    Args:
        folder: existing and empty.
        result: what to write.

    Returns:
        What was written, its name relative to `folder`.

    Raises:
        OSError: it cannot be written.
    """
    return (_write(folder, CHECK_FILE, encode_check_result(result)),)


def encode_png(frame: UInt8) -> bytes:
    """The bytes of a PNG of the frame, [H, W, 3] uint8 sRGB."""
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = frame.shape[:2]
    encoder.pix_fmt = "rgb24"
    encoder.time_base = Fraction(1, 24)
    encoder.options = PNG
    packets = encoder.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
    return b"".join(bytes(packet) for packet in [*packets, *encoder.encode(None)])


def encode_jpeg(frame: UInt8, longest: int = 512, quality: int = 80) -> bytes:
    """The bytes of a JPEG of a frame, made smaller to at most `longest` pixels a side: the preview of a running job.

    Args:
        frame: [H, W, 3] uint8 sRGB.
        longest: pixels.
        quality: JPEG quality, 1 to 95.
    """
    image = Image.fromarray(frame)
    image.thumbnail((longest, longest))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def encode_mp4(frames: UInt8 | Iterable[UInt8], fps: float, comment: str = "") -> bytes:
    """The bytes of an MP4 of the frames: H.264, yuv420p, BT.709.

    Args:
        frames: each [H, W, 3] uint8 sRGB; an odd side is made even by repeating its last pixels.
        fps: frames a second.
        comment: stored in the container's metadata.
    """
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        container.metadata["comment"] = comment
        container.metadata["title"] = "RealCam clip"
        video = None
        for frame in frames:
            picture = _even(frame)
            if video is None:
                video = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=H264)
                video.height, video.width = picture.shape[:2]
                video.pix_fmt = "yuv420p"
                context = video.codec_context
                context.colorspace = context.color_primaries = context.color_trc = context.color_range = BT709
            image = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(video.encode(image.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        if video is not None:
            container.mux(video.encode(None))
    return stream.getvalue()


def _even(frame: UInt8) -> UInt8:
    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(frame)


def _write(folder: Path, name: str, data: bytes) -> ResultFile:
    with (folder / name).open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return ResultFile(name=name, nbytes=len(data), sha256=hashlib.sha256(data).hexdigest())
