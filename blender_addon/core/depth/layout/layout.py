"""What an artist lays out on a photo: its ground, its walls, its cut-outs; and the JSON that keeps them.

Points are fractions of the photo: (0, 0) is its top-left corner, (1, 1) its bottom-right one. They may lie outside it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from ...arrays import Bool
from ...errors import PhotoError

Point = tuple[float, float]
"""(x, y) in fractions of the photo's width and height."""
Mixing = Literal["replace", "fill", "align"]

MIXINGS: tuple[tuple[Mixing, str, str], ...] = (
    ("replace", "Replace", "Ground, walls and cut-outs replace the other depth; it shows where nothing stands"),
    ("fill", "Fill Holes", "The other depth stays; the layout fills only what it leaves unknown"),
    ("align", "Align", "The other depth is scaled and shifted so that its ground is this one; cut-outs replace it"),
)
"""(mixing, title, description)."""

VERSION = 1
"""Of the JSON; a reader refuses what is newer."""
FARTHEST = 100.0
"""Metres at which what stands nowhere is put, unless told otherwise."""


class Ground(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The floor: a plane below the camera.

    Attributes:
        horizon: where the floor would end if it were endless: y at the photo's left edge and at its right edge, in
            fractions of the photo's height from its top. May lie outside 0 to 1.
        camera_height: of the camera above the floor, metres.
        ceiling: height of a ceiling above the floor, metres; None for none.
        vertical: the vanishing point of the verticals, where it is known; only compared with the horizon.
    """

    horizon: tuple[float, float] = (0.5, 0.5)
    camera_height: float = 1.6
    ceiling: float | None = None
    vertical: Point | None = None


class Wall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Upright planes on the floor, one for each segment of a polyline.

    Attributes:
        points: the edge where wall and floor meet, two points or more. An end within BORDER of the photo's border goes
            on beyond it.
        height: of the wall, metres; None for one that has no upper edge.
        name: for the artist.
    """

    points: tuple[Point, ...]
    height: float | None = None
    name: str = ""


class Mask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region of the photo, pixel by pixel, of any size with about the photo's aspect.

    Attributes:
        width, height: pixels.
        runs: lengths of the runs outside and inside, by turns, row by row from the top, the first one outside (it may
            be 0). Together they are width * height.
    """

    width: int
    height: int
    runs: tuple[int, ...]

    @classmethod
    def of(cls, inside: Bool) -> Mask:
        """The mask of a map [h, w] bool, True inside."""
        flat = np.concatenate([[False], inside.ravel()])
        starts = np.flatnonzero(flat[1:] != flat[:-1])
        runs = np.diff(np.concatenate([[0], starts, [inside.size]]))
        return cls(inside.shape[1], inside.shape[0], tuple(runs.tolist()))

    def inside(self) -> Bool:
        """[h, w] bool, True inside."""
        flat = np.repeat(np.arange(len(self.runs)) % 2 == 1, self.runs)
        return flat.reshape(self.height, self.width)


class CutOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region of the photo on a plane of its own, upright unless it lies.

    Attributes:
        outline: its polygon, three points or more; empty when there is a mask. It may cross itself: what it goes
            around is inside.
        mask: the region pixel by pixel, instead of an outline.
        foot: the point where it touches the floor; None for its lowest point.
        distance: metres along the viewing axis from the camera to the plane at the foot, for what touches no floor in
            the photo; None where the foot tells it.
        turn: degrees by which the plane is turned about its upright axis at the foot, counter-clockwise seen from
            above; at 0 it faces the camera.
        height: above the floor, metres, of what it stands on (a table's top); its foot is there.
        lying: whether it lies level at that height (the table's top itself) instead of standing.
        name: for the artist.
    """

    outline: tuple[Point, ...] = ()
    mask: Mask | None = None
    foot: Point | None = None
    distance: float | None = None
    turn: float = 0.0
    height: float = 0.0
    lying: bool = False
    name: str = ""


class DepthLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A photo's depth as laid out by hand.

    Attributes:
        version: see VERSION.
        ground: None for cut-outs with a distance alone, upright as the photo is.
        walls: in any order: the nearest hides the others.
        cut_outs: in any order: where two overlap, the nearest is seen.
        farthest: metres of what stands nowhere and of all floor and wall beyond; None leaves it unknown.
        mixing: what becomes of another depth of the photo, where there is one; see MIXINGS.
    """

    version: int = VERSION
    ground: Ground | None = Ground()
    walls: tuple[Wall, ...] = ()
    cut_outs: tuple[CutOut, ...] = ()
    farthest: float | None = FARTHEST
    mixing: Mixing = "replace"


_NUMBERS = re.compile(rb"\[\n\s*([-+.0-9eE,\s]+?)\s*\]")
"""An indented list of numbers. A name may look like a list, but in a JSON string there is no end of a line."""


class _Versioned(msgspec.Struct):
    version: int = VERSION


def layout_of(data: bytes | str) -> DepthLayout:
    """A layout from its JSON.

    Raises:
        PhotoError: it is no layout, or of a newer version.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).version
        if version > VERSION:
            raise PhotoError(
                "The layout was made by a newer RealCam", f"version {version}, this one reads {VERSION}", "Update it."
            )
        return msgspec.json.decode(data, type=DepthLayout)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PhotoError("This is no depth layout", str(error), "Write it anew, or correct what is named.") from error


def layout_json(layout: DepthLayout) -> bytes:
    """The JSON of a layout, indented for people, with points and runs in a line."""
    indented = msgspec.json.format(msgspec.json.encode(layout), indent=2)
    return _NUMBERS.sub(lambda found: b"[" + b" ".join(found.group(1).split()) + b"]", indented) + b"\n"


def read_layout(path: Path) -> DepthLayout:
    """The layout in a JSON file.

    Raises:
        PhotoError: there is no such file, or it is no layout.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PhotoError("The layout cannot be read", f"{path}: {error.strerror or error}") from error
    try:
        return layout_of(data)
    except PhotoError as error:
        raise PhotoError(f"{path.name}: {error.what}", error.why, error.remedy) from error
