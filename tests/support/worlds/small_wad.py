"""A WAD of small maps, made here: a hall with a pillar's pit and a step, and a yard under the sky beside it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

MAPS = tuple(f"MAP{i:02d}" for i in range(1, 9))
HALL = (-256, -192, 256, 192)
"""West, south, east and north of the hall, in Doom's units; its floor is 0, its ceiling 128."""
_NONE = 0xFFFF


def write_small_wad(file: Path) -> None:
    """Write the WAD: eight maps of one plan, whose ceilings rise from one to the next."""
    random = np.random.default_rng(3)
    lumps: list[tuple[str, bytes]] = [("PLAYPAL", _palette()), ("PNAMES", struct.pack("<i8s", 1, b"NOISE"))]
    lumps.append(("TEXTURE1", _textures()))
    for number, name in enumerate(MAPS):
        lumps += [(name, b""), *_map(number)]
    lumps += [("NOISE", _patch(random)), ("F_START", b"")]
    lumps += [(name, _noise(random, 64, 64).tobytes()) for name in ("FLAT1", "CEIL1")]
    lumps += [("F_SKY1", bytes(4096)), ("F_END", b"")]
    place, directory, body = 12, b"", b""
    for name, data in lumps:
        directory += struct.pack("<ii8s", place, len(data), name.encode())
        body += data
        place += len(data)
    file.write_bytes(struct.pack("<4sii", b"PWAD", len(lumps), place) + body + directory)


def _palette() -> bytes:
    grey = np.arange(256)[:, None] * np.array([1.0, 0.9, 0.7])
    return grey.astype(np.uint8).tobytes()


def _noise(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    coarse = np.kron(random.integers(20, 200, (height // 8, width // 8)), np.ones((8, 8)))
    return np.asarray(np.clip(coarse + random.integers(-20, 56, (height, width)), 1, 254), dtype=np.uint8)


def _patch(random: np.random.Generator) -> bytes:
    pixels = _noise(random, 128, 64)
    columns = [bytes([0, 128, 0, *pixels[:, x], 0, 255]) for x in range(64)]
    starts = np.cumsum([8 + 4 * 64, *(len(column) for column in columns[:-1])])
    return struct.pack("<HHhh", 64, 128, 0, 0) + struct.pack("<64I", *starts) + b"".join(columns)


def _textures() -> bytes:
    entry = struct.pack("<8siHHiH", b"WALL", 0, 64, 128, 0, 1) + struct.pack("<hhHHH", 0, 0, 0, 0, 0)
    return struct.pack("<ii", 1, 8) + entry


def _map(number: int) -> list[tuple[str, bytes]]:
    west, south, east, north = HALL
    outer = [(west, south), (west, north), (east, north), (east, south)]
    pit = [(-64, 32), (-64, 96), (0, 96), (0, 32)]
    yard = [(east + 256, north), (east + 256, south)]
    points = [*outer, *pit, *yard]
    # Clockwise: the sector lies to the right. Sector 0 is the hall, 1 the pit, 2 the yard.
    lines = [(0, 1, 0, None), (1, 2, 0, None), (3, 0, 0, None), (2, 3, 0, 2)]
    lines += [(a, b, 1, 0) for a, b in ((4, 5), (5, 6), (6, 7), (7, 4))]
    lines += [(2, 8, 2, None), (8, 9, 2, None), (9, 3, 2, None)]
    sides: list[bytes] = []

    def side(sector: int | None) -> int:
        if sector is None:
            return _NONE
        sides.append(struct.pack("<hh8s8s8sH", 5, 3, b"WALL", b"WALL", b"WALL", sector))
        return len(sides) - 1

    packed = b"".join(struct.pack("<7H", a, b, 0, 0, 0, side(front), side(back)) for a, b, front, back in lines)
    heights = ((0, 128 + 8 * number, b"CEIL1"), (-24, 128 + 8 * number, b"CEIL1"), (16, 192, b"F_SKY1"))
    sectors = b"".join(
        struct.pack("<hh8s8shhh", floor, ceiling, b"FLAT1", flat, 200, 0, 0) for floor, ceiling, flat in heights
    )
    vertices = b"".join(struct.pack("<hh", x, y) for x, y in points)
    return [("LINEDEFS", packed), ("SIDEDEFS", b"".join(sides)), ("VERTEXES", vertices), ("SECTORS", sectors)]
