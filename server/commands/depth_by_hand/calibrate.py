"""`realcam depth calibrate`: metres for any depth picture, by what is known of a few places in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from blender_addon.core.arrays import Bool, Float64
from blender_addon.core.camera.focal_length import PhotoLens
from blender_addon.core.depth.calibration.depth_law import Gives
from blender_addon.core.depth.calibration.fit import DepthFit, fit_depth
from blender_addon.core.depth.calibration.fit_words import fit_words, law_words, limit_words, residual_words
from blender_addon.core.depth.calibration.known_points import (
    Along,
    KnownPoints,
    along_z,
    check_distances,
    ends_of,
    floor_depths,
    number_at,
)
from blender_addon.core.depth.depth_question import high_at_the_bottom
from blender_addon.core.depth.layout.ground_plane import down_vector
from blender_addon.core.depth.layout.region import polygon_pixels, region_of_mask
from blender_addon.core.depth.photo_checks import check_aspect
from blender_addon.core.errors import PhotoError
from blender_addon.core.payloads.import_request import ImportSettings
from server.depth.photo_files import DepthPicture, read_depth_picture, read_mask, read_photo_size
from server.terminal.plain_console import say

from ..depth_output import write_depth
from ..friendly_errors import friendly_errors
from ..options.depth_options import numbers
from ..options.import_options import FocalOption, IntrinsicsOption, read_intrinsics
from ..options.unread import refuse_unread
from .layout_options import CameraHeightOption, HorizonOption

FLOOR_PIXELS = 4000
"""Pixels of a floor's region that are fitted at most, evenly spread over it."""
_GIVES: dict[str, Gives | None] = {"": None, "distance": "depth", "inverse": "inverse"}

PointOption = Annotated[
    list[str] | None,
    typer.Option("--point", metavar="X,Y=METRES", help="A pixel whose distance is known. Two or more; a third checks."),
]
AlongOption = Annotated[
    str,
    typer.Option(
        metavar="ray|z",
        help="How distances count: ray, straight from the camera as a tape measures; z, along its viewing axis.",
    ),
]
GroundOption = Annotated[
    str,
    typer.Option(
        metavar="REGION",
        help="Where floor is seen: LEFT,TOP,RIGHT,BOTTOM; or three corners and more, X,Y;X,Y;X,Y; or a picture that is "
        "white there. With --camera-height.",
    ),
]
NearOption = Annotated[float | None, typer.Option(help="Metres to the nearest thing, along the viewing axis.")]
FarOption = Annotated[float | None, typer.Option(help="Metres to the farthest thing.")]
NearIsOption = Annotated[
    str, typer.Option(metavar="bright|dark", help="Which end is near; points and floor tell it by themselves.")
]
NumbersOption = Annotated[
    str,
    typer.Option(
        "--numbers",
        metavar="distance|inverse",
        help="What the picture's numbers grow with; else fitted both ways, which takes three points.",
    ),
]
UnknownOption = Annotated[float | None, typer.Option("--no-depth", help="The number that stands for no depth.")]


@dataclass(frozen=True, eq=False)
class _Given:
    """The picture and the view that places in it are given in.

    Attributes:
        depth: the picture.
        size: (width, height) of the photo, or of the picture where no photo is given.
        lens: in pixels of that size.
    """

    depth: DepthPicture
    size: tuple[int, int]
    lens: PhotoLens

    def numbers_at(self, pixels: Float64) -> Float64:
        """The picture's numbers [N] at pixels [N, 2].

        Raises:
            PhotoError: a pixel is outside.
        """
        places = pixels / self.size
        outside = np.flatnonzero(~((places >= 0) & (places <= 1)).all(axis=1))
        if len(outside):
            x, y = pixels[outside[0]] - 0.5
            raise PhotoError(
                "A point is outside the picture", f"{x:g}, {y:g} in {self.size[0]} x {self.size[1]} pixels"
            )
        return np.array([number_at(self.depth.numbers, across, down) for across, down in places], dtype=np.float64)


def calibrate(
    context: typer.Context,
    depth: Annotated[Path, typer.Argument(help="Any depth picture or file, of relative depth or wrong metres.")],
    photo: Annotated[
        Path | None, typer.Argument(help="Its photo: pixels are the photo's then, and EXIF tells the lens.")
    ] = None,
    point: PointOption = None,
    along: AlongOption = "ray",
    ground: GroundOption = "",
    camera_height: CameraHeightOption = None,
    horizon: HorizonOption = "",
    near: NearOption = None,
    far: FarOption = None,
    near_is: NearIsOption = "",
    numbers_grow: NumbersOption = "",
    no_depth: UnknownOption = None,
    channel: Annotated[str, typer.Option("--depth-channel", "--channel", help="Of an NPZ or EXR with several.")] = "",
    focal_mm: FocalOption = None,
    intrinsics: IntrinsicsOption = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="NPZ to write; else beside the depth.")] = None,
) -> None:
    """Bring a depth picture to metres by points of known distance, by the floor, or by nearest and farthest."""
    ways = [bool(point), bool(ground) or camera_height is not None, near is not None or far is not None]
    if sum(ways) != 1:
        raise typer.BadParameter("Give --point twice or more, or --ground and --camera-height, or --near and --far.")
    refuse_unread(context, ways[0], "--point", "along")
    refuse_unread(context, ways[1], "--ground and --camera-height", "horizon")
    refuse_unread(context, ways[2], "--near and --far", "near_is")
    gives, pixels = _gives(numbers_grow), [_point(text) for text in point or ()]
    with friendly_errors():
        settings = ImportSettings(focal_mm=focal_mm, intrinsics=read_intrinsics(context, intrinsics))
        given = _given(depth, read_depth_picture(depth, channel, no_depth), photo, settings)
        if pixels:
            places = np.array([place for place, _ in pixels])
            distances = np.array([metres for _, metres in pixels])
            check_distances(distances)
            along_axis = along_z(distances, places, given.lens.intrinsics, _along(along))
            points = KnownPoints(given.numbers_at(places), along_axis)
        elif ways[1]:
            places = _floor_pixels(given, ground)
            points = _floor(given, places, camera_height or 0.0, horizon)
        else:
            points = ends_of(given.depth.numbers, near or 0.0, far or 0.0, _near_is_high(given, near_is))
        fit = fit_depth(points, given.depth.kind, given.depth.numbers, gives)
        target = out or depth.with_suffix(".metric.npz")
        metric = fit.law.metres(given.depth.numbers).astype(np.float32)
    if pixels:
        _tell_points(fit, points, places)
    _tell(fit, given, "pixels of floor" if ways[1] else "points")
    with friendly_errors():
        write_depth(target, metric, given.lens)


def _given(depth: Path, picture: DepthPicture, photo: Path | None, settings: ImportSettings) -> _Given:
    depth_size = (picture.numbers.shape[1], picture.numbers.shape[0])
    size, exif = depth_size, None
    if photo is not None:
        photo_size, exif = read_photo_size(photo)
        check_aspect(photo_size, size)
        size = photo_size
    return _Given(picture, size, settings.lens(size, exif, (depth, depth_size)))


def _gives(text: str) -> Gives | None:
    if text not in _GIVES:
        raise typer.BadParameter(f"{text!r}: expected distance or inverse", param_hint="--numbers")
    return _GIVES[text]


def _along(text: str) -> Along:
    if text == "ray":
        return "ray"
    if text == "z":
        return "z"
    raise typer.BadParameter(f"{text!r}: expected ray or z", param_hint="--along")


def _point(text: str) -> tuple[list[float], float]:
    place, _, distance = text.partition("=")
    x, y = numbers(place, "--point", (2,))
    return [x + 0.5, y + 0.5], numbers(distance, "--point", (1,))[0]


def _floor(given: _Given, pixels: Float64, camera_height: float, horizon: str) -> KnownPoints:
    ends = None
    if horizon:
        both = numbers(horizon, "--horizon", (1, 2))
        if not np.isfinite(both).all():
            raise typer.BadParameter(f"{horizon!r}: expected a share of the photo's height", param_hint="--horizon")
        ends = (both[0], both[-1])
    down = down_vector(ends, given.lens.intrinsics, given.size)
    values = given.numbers_at(pixels)
    pixels, values = pixels[np.isfinite(values)], values[np.isfinite(values)]
    return KnownPoints(values, floor_depths(pixels, given.lens.intrinsics, camera_height, down))


def _floor_pixels(given: _Given, region: str) -> Float64:
    """[N, 2] pixels of a region of the floor, spread evenly over it."""
    height, width = given.size[1], given.size[0]
    inside: Bool = np.zeros((height, width), dtype=np.bool_)
    if ";" in region:
        corners = [_pixels(corner, 2) for corner in region.split(";") if corner.strip()]
        if len(corners) < 3:
            raise typer.BadParameter(f"{region!r}: a floor has three corners or more", param_hint="--ground")
        inside = polygon_pixels(np.array(corners) + 0.5, given.size)
    elif Path(region).is_file():
        inside = region_of_mask(read_mask(Path(region)), Path(region).name, given.size, given.size)
    else:
        left, top, right, bottom = (max(round(n), 0) for n in _pixels(region, 4))
        inside[top:bottom, left:right] = True
    rows, columns = np.nonzero(inside)
    some = np.unique(np.linspace(0, max(len(rows) - 1, 0), min(len(rows), FLOOR_PIXELS)).astype(np.int64))
    return np.asarray(np.stack([columns[some], rows[some]], axis=1) + 0.5, dtype=np.float64)


def _pixels(text: str, count: int) -> list[float]:
    """Places along the photo's sides, in a region of the floor."""
    values = numbers(text, "--ground", (count,))
    if not np.isfinite(values).all():
        raise typer.BadParameter(f"{text!r}: expected pixels", param_hint="--ground")
    return values


def _near_is_high(given: _Given, near_is: str) -> bool:
    if given.depth.kind == "metric":
        return False
    if near_is in ("bright", "dark"):
        return near_is == "bright"
    looks = "bright" if high_at_the_bottom(given.depth.numbers) else "dark"
    raise typer.BadParameter(
        f"Say which end is near: nearest and farthest alone do not tell. The bottom of a photo is mostly near: then "
        f"near is {looks} here.",
        param_hint="--near-is bright|dark",
    )


def _tell_points(fit: DepthFit, points: KnownPoints, pixels: Float64) -> None:
    for index, (metres, residual) in enumerate(zip(points.metres, fit.residuals, strict=True)):
        x, y = pixels[index] - 0.5
        note = "" if fit.kept[index] else ", left out"
        if not fit.exact:
            note = f" {residual_words(float(residual))}{note}"
        fitted = metres * (1 + residual)
        say(f"point {index + 1} at {x:g}, {y:g}: {metres:.3f} m along the axis, fitted {fitted:.3f} m{note}")


def _tell(fit: DepthFit, given: _Given, what: str) -> None:
    near = ""
    if given.depth.kind == "relative":
        near = f"near is {'dark' if fit.law.farther_is_higher else 'bright'}, "
    say(f"The picture: {near}its numbers grow evenly with {law_words(fit.law)}")
    say(fit_words(fit, what))
    if limits := limit_words(fit):
        say(limits)
