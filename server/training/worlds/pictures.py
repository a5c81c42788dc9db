"""Pictures of a WAD: palette, flats (floors and ceilings) and wall textures put together from patches."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
from PIL import Image

from blender_addon.core.arrays import UInt8

from .wad import Wad, WadError, text

FLAT_SIZE = 64
"""Texels on each side of a flat."""


class Pictures:
    """Pictures of a WAD by name, each [H, W, 4] uint8: sRGB and 255 where it is opaque.

    Args:
        wad: the file.

    Raises:
        WadError: it holds no palette.
    """

    def __init__(self, wad: Wad) -> None:
        self._wad = wad
        self._palette = np.frombuffer(wad.lump("PLAYPAL")[:768], np.uint8).reshape(256, 3)
        self._flats = wad.between("F_START", "F_END")
        self._patches = _patch_names(wad)
        self._textures = _texture_table(wad)

    @property
    def texture_sizes(self) -> dict[str, tuple[int, int]]:
        """(width, height) of the wall textures by name, texels."""
        return {name: (width, height) for name, (width, height, _) in self._textures.items()}

    def flat(self, name: str) -> UInt8 | None:
        """A flat, None where the WAD has none of this name."""
        index = self._flats.get(name)
        data = b"" if index is None else self._wad.lump_at(index)
        if len(data) < FLAT_SIZE**2:
            return None
        indices = np.frombuffer(data[: FLAT_SIZE**2], np.uint8).reshape(FLAT_SIZE, FLAT_SIZE)
        return self._opaque(indices)

    def texture(self, name: str) -> UInt8 | None:
        """A wall texture, None where the WAD has none of this name."""
        if name not in self._textures:
            return None
        width, height, parts = self._textures[name]
        canvas = np.zeros((height, width, 4), np.uint8)
        for left, top, number in parts:
            patch = self._patch(self._patches[number]) if number < len(self._patches) else None
            if patch is not None:
                _paste(canvas, patch, left, top)
        return canvas

    def _patch(self, name: str) -> UInt8 | None:
        if not self._wad.has(name):
            return None
        data = self._wad.lump(name)
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return np.array(Image.open(BytesIO(data)).convert("RGBA"))
        width, height = struct.unpack_from("<HH", data)
        picture = np.zeros((height, width, 4), np.uint8)
        for column, start in enumerate(struct.unpack_from(f"<{width}I", data, 8)):
            place = start
            while data[place] != 255:
                top, count = data[place], data[place + 1]
                indices = np.frombuffer(data, np.uint8, count, place + 3)
                bottom = min(top + count, height)
                picture[top:bottom, column] = self._opaque(indices)[: max(bottom - top, 0)]
                place += count + 4
        return picture

    def _opaque(self, indices: UInt8) -> UInt8:
        colours = self._palette[indices]
        return np.concatenate([colours, np.full((*indices.shape, 1), 255, np.uint8)], axis=-1)


Parts = tuple[tuple[int, int, int], ...]


def _patch_names(wad: Wad) -> list[str]:
    data = wad.lump("PNAMES")
    (count,) = struct.unpack_from("<i", data)
    return [text(name) for name in np.frombuffer(data, "S8", count, 4)]


def _texture_table(wad: Wad) -> dict[str, tuple[int, int, Parts]]:
    """Name -> width, height and patches (left, top, number of the patch), of TEXTURE1 and TEXTURE2."""
    table: dict[str, tuple[int, int, Parts]] = {}
    for lump in ("TEXTURE1", "TEXTURE2"):
        if not wad.has(lump):
            continue
        data = wad.lump(lump)
        try:
            (count,) = struct.unpack_from("<i", data)
            for start in struct.unpack_from(f"<{count}i", data, 4):
                name, _, width, height, _, number = struct.unpack_from("<8siHHiH", data, start)
                parts = (struct.unpack_from("<hhHHH", data, start + 22 + 10 * i)[:3] for i in range(number))
                table.setdefault(text(name), (width, height, tuple(parts)))
        except struct.error as error:
            raise WadError("The wall textures cannot be read", f"{lump} of {wad.name} is cut off: {error}") from error
    return table


def _paste(canvas: UInt8, patch: UInt8, left: int, top: int) -> None:
    """Lay a patch over a canvas where it is opaque; what reaches over the edge is cut off."""
    height, width = canvas.shape[:2]
    rows = slice(max(top, 0), min(top + patch.shape[0], height))
    columns = slice(max(left, 0), min(left + patch.shape[1], width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    seen = part[..., 3:] > 0
    canvas[rows, columns] = np.where(seen, part, canvas[rows, columns])
