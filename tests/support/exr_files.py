"""EXR files as Blender writes them, and of kinds that it does not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray


def write_exr(bpy: ModuleType, path: Path, values: NDArray[np.float32], codec: str) -> None:
    """values [h, w] as a grey 32-bit picture in red, green and blue."""
    height, width = values.shape
    scene = bpy.data.scenes.new("exr")
    scene.view_settings.view_transform = "Raw"
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGB"
    settings.exr_codec = codec
    image = bpy.data.images.new("exr", width, height, float_buffer=True, alpha=False, is_data=True)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = values[::-1, :, None]
    image.pixels.foreach_set(pixels.ravel())
    image.save_render(str(path), scene=scene)
    bpy.data.images.remove(image)
    bpy.data.scenes.remove(scene)


def write_rendered_depth(bpy: ModuleType, path: Path, distance: float, codec: str = "ZIP") -> None:
    """A multilayer render with Z of a plane that stands square in front of the camera."""
    scene = bpy.data.scenes.new("depth")
    mesh = bpy.data.meshes.new("plane")
    mesh.from_pydata([(-1, -1, -distance), (1, -1, -distance), (1, 1, -distance)], [], [(0, 1, 2)])
    scene.collection.objects.link(bpy.data.objects.new("plane", mesh))
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    scene.view_layers[0].use_pass_z = True
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format, settings.color_depth = "OPEN_EXR_MULTILAYER", "32"
    settings.exr_codec = codec
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)


@dataclass(frozen=True)
class ExrPart:
    """One picture of an EXR.

    Attributes:
        channels: [h, w] of each, float32, of the data window.
        name: of the part, in a file of several.
        data_at: (x, y) of the data window's first pixel.
        display: (left, top, width, height) of the picture; None for the data window.
        tile: (width, height) of tiles; None for rows.
        compression: 0 none, 3 ZIP, 4 PIZ (which is only announced).
    """

    channels: Mapping[str, NDArray[np.float32]]
    name: str = ""
    data_at: tuple[int, int] = (0, 0)
    display: tuple[int, int, int, int] | None = None
    tile: tuple[int, int] | None = None
    compression: int = 3


def write_exr_parts(path: Path, parts: Sequence[ExrPart]) -> None:
    """Write an EXR of these parts, byte by byte as the format's documentation has it."""
    several = len(parts) > 1
    flags = 0x1000 * several | 0x200 * (not several and parts[0].tile is not None)
    head = struct.pack("<iI", 20000630, 2 | flags) + b"".join(_header(part, several) for part in parts)
    head += b"\0" * several
    chunks = [[_chunk(part, block) for block in _blocks(part)] for part in parts]
    if several:
        chunks = [[struct.pack("<i", number) + chunk for chunk in own] for number, own in enumerate(chunks)]
    at, tables, body = len(head) + 8 * sum(map(len, chunks)), b"", b""
    for chunk in (chunk for own in chunks for chunk in own):
        tables += struct.pack("<Q", at + len(body))
        body += chunk
    path.write_bytes(head + tables + body)


def _attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def _header(part: ExrPart, several: bool) -> bytes:
    height, width = next(iter(part.channels.values())).shape
    left, top = part.data_at
    shown = part.display or (left, top, width, height)
    listed = b"".join(name.encode() + b"\0" + struct.pack("<iIii", 2, 0, 1, 1) for name in sorted(part.channels))
    attributes = [
        _attribute("channels", "chlist", listed + b"\0"),
        _attribute("compression", "compression", bytes([part.compression])),
        _attribute("dataWindow", "box2i", struct.pack("<4i", left, top, left + width - 1, top + height - 1)),
        _attribute(
            "displayWindow",
            "box2i",
            struct.pack("<4i", shown[0], shown[1], shown[0] + shown[2] - 1, shown[1] + shown[3] - 1),
        ),
        _attribute("lineOrder", "lineOrder", b"\0"),
    ]
    if part.tile:
        attributes.append(_attribute("tiles", "tiledesc", struct.pack("<2IB", *part.tile, 0)))
    if several:
        kind = b"tiledimage" if part.tile else b"scanlineimage"
        attributes += [
            _attribute("name", "string", part.name.encode()),
            _attribute("type", "string", kind),
            _attribute("chunkCount", "int", struct.pack("<i", len(_blocks(part)))),
        ]
    return b"".join(attributes) + b"\0"


def _blocks(part: ExrPart) -> list[tuple[int, int, int, int]]:
    """(x, y, width, height) of each chunk, from the data window's first pixel."""
    height, width = next(iter(part.channels.values())).shape
    across, down = part.tile or (width, 16 if part.compression in (3, 4) else 1)
    return [
        (x, y, min(across, width - x), min(down, height - y))
        for y in range(0, height, down)
        for x in range(0, width, across)
    ]


def _chunk(part: ExrPart, block: tuple[int, int, int, int]) -> bytes:
    x, y, width, height = block
    rows = [part.channels[name][row, x : x + width] for row in range(y, y + height) for name in sorted(part.channels)]
    raw = np.concatenate(rows).astype("<f4").tobytes()
    packed = _zipped(raw) if part.compression == 3 else raw
    packed = packed if len(packed) < len(raw) else raw
    if part.tile:
        where = struct.pack("<4i", x // part.tile[0], y // part.tile[1], 0, 0)
    else:
        where = struct.pack("<i", part.data_at[1] + y)
    return where + struct.pack("<i", len(packed)) + packed


def _zipped(raw: bytes) -> bytes:
    """Even bytes, then odd ones, each as its difference from the one before it, deflated."""
    values = np.frombuffer(raw, np.uint8)
    split = np.concatenate([values[0::2], values[1::2]]).astype(np.int64)
    split[1:] = np.diff(split) + 128
    return zlib.compress(split.astype(np.uint8).tobytes())
