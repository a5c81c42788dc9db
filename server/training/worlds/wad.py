"""Read WAD files: the container of Doom's maps and pictures, as Freedoom's worlds come in it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from blender_addon.core.errors import RealCamError

_NAME = "S8"
_DIRECTORY = np.dtype([("offset", "<i4"), ("size", "<i4"), ("name", _NAME)])
_VERTEX = np.dtype([("x", "<i2"), ("y", "<i2")])
_LINE = np.dtype([(name, "<u2") for name in ("start", "end", "flags", "special", "tag", "front", "back")])
_SIDE = np.dtype([("x", "<i2"), ("y", "<i2"), ("upper", _NAME), ("lower", _NAME), ("middle", _NAME), ("sector", "<u2")])
_SECTOR = np.dtype(
    [
        *(("floor", "<i2"), ("ceiling", "<i2"), ("floor_flat", _NAME), ("ceiling_flat", _NAME)),
        *(("light", "<i2"), ("special", "<i2"), ("tag", "<i2")),
    ]
)
_MAP_TABLES = {"VERTEXES": _VERTEX, "LINEDEFS": _LINE, "SIDEDEFS": _SIDE, "SECTORS": _SECTOR}
_MAP_NAME = re.compile(r"MAP\d\d|E\dM\d")
_LUMPS_OF_A_MAP = 11

NO_SIDE = 0xFFFF
"""The number of a side that a line does not have."""


class WadError(RealCamError):
    """A WAD file cannot be read, or lacks what is asked of it."""


@dataclass(frozen=True, eq=False)
class DoomMap:
    """The geometry of a map, in Doom's units and axes (x east, y north, heights up).

    Attributes:
        name: MAP01, E1M1, ...
        vertices: [V, 2] float64.
        lines: [L] records: start and end vertices, flags, front and back sides (NO_SIDE for none).
        sides: [S] records: texture offsets, names of the upper, lower and middle textures, sector.
        sectors: [N] records: heights, flats, light 0..255.
    """

    name: str
    vertices: NDArray[np.float64]
    lines: NDArray[np.void]
    sides: NDArray[np.void]
    sectors: NDArray[np.void]


class Wad:
    """A WAD file in memory.

    Args:
        file: it.

    Raises:
        WadError: it is no WAD, or is cut off.
        OSError: it cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self.name = file.name
        self._data = file.read_bytes()
        if self._data[:4] not in (b"IWAD", b"PWAD") or len(self._data) < 12:
            raise WadError("This is no WAD file", f"{file} does not begin with IWAD or PWAD", "Name a WAD of maps.")
        count, offset = np.frombuffer(self._data, "<i4", 2, 4)
        if count < 0 or not 12 <= offset <= len(self._data) - count * _DIRECTORY.itemsize:
            raise WadError("The WAD file is cut off", f"{file} has {len(self._data)} bytes", "Fetch it again.")
        entries = np.frombuffer(self._data, _DIRECTORY, count, offset)
        self.names: tuple[str, ...] = tuple(text(name) for name in entries["name"])
        self._places = [(int(entry["offset"]), int(entry["size"])) for entry in entries]
        self._last = {name: i for i, name in enumerate(self.names)}

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the file."""
        return hashlib.sha256(self._data).hexdigest()

    @property
    def maps(self) -> tuple[str, ...]:
        """The names of its maps, in alphabetical order."""
        return tuple(sorted(name for name in self._last if _MAP_NAME.fullmatch(name)))

    def lump(self, name: str) -> bytes:
        """The bytes under a name; of several the last, as the game does.

        Raises:
            WadError: there is none.
        """
        if name not in self._last:
            raise WadError(f"The WAD has no {name}", f"{self.name} holds {len(self.names)} other lumps")
        return self.lump_at(self._last[name])

    def has(self, name: str) -> bool:
        """Whether a lump of this name is there."""
        return name in self._last

    def lump_at(self, index: int) -> bytes:
        """The bytes of the lump at an index of `names`."""
        offset, size = self._places[index]
        return self._data[offset : offset + size]

    def between(self, start: str, end: str) -> dict[str, int]:
        """Name -> index of the lumps between two markers, empty markers left out."""
        if start not in self._last or end not in self._last:
            return {}
        inside = range(self._last[start] + 1, self._last[end])
        return {self.names[i]: i for i in inside if self._places[i][1]}

    def read_map(self, name: str) -> DoomMap:
        """The geometry of a map.

        Raises:
            WadError: there is no such map, or a table of it is missing or broken.
        """
        if name not in self.maps:
            raise WadError(f"There is no map {name}", f"{self.name} has {', '.join(self.maps) or 'none'}")
        first = self._last[name] + 1
        following = range(first, min(first + _LUMPS_OF_A_MAP, len(self.names)))
        near = {self.names[i]: i for i in reversed(following)}
        missing = [table for table in _MAP_TABLES if table not in near]
        if missing:
            raise WadError(f"The map {name} is not complete", f"{self.name} has no {', '.join(missing)} for it")
        tables = {table: records(self.lump_at(near[table]), kind, table) for table, kind in _MAP_TABLES.items()}
        points = tables["VERTEXES"]
        vertices = np.stack([points["x"], points["y"]], axis=1).astype(np.float64)
        return DoomMap(name, vertices, tables["LINEDEFS"], tables["SIDEDEFS"], tables["SECTORS"])


def records(data: bytes, kind: DTypeLike, name: str) -> NDArray[np.void]:
    """A lump as an array of records.

    Args:
        data: the lump.
        kind: of a record.
        name: of the lump, for the message.

    Raises:
        WadError: it is not a whole number of records.
    """
    size = np.dtype(kind).itemsize
    if len(data) % size:
        raise WadError(f"The lump {name} is broken", f"{len(data)} bytes are no whole number of records of {size}")
    return np.frombuffer(data, kind)


def text(name: bytes) -> str:
    """A name of at most eight letters as the WAD stores it, in capitals."""
    return bytes(name).split(b"\0")[0].decode("ascii", "replace").upper()
