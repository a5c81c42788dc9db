"""`realcam depth geometry`: a photo's depth from meshes or a point cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from blender_addon.core.arrays import Float32
from blender_addon.core.camera.focal_length import photo_lens
from blender_addon.core.depth.cleaning.clean import UNTOUCHED
from blender_addon.core.depth.depth_numbers import FARTHEST_DEPTH
from blender_addon.core.depth.seen_depth import GridRays, seen_depth
from blender_addon.core.depth.seen_points import seen_points
from blender_addon.core.errors import PhotoError
from server.depth.estimate import MOST_PIXELS, cleaned_at_photo, scene_size
from server.depth.photo_files import PhotoFile, read_photo
from server.terminal.plain_console import say

from ..depth_output import write_depth
from ..friendly_errors import friendly_errors
from ..options.depth_options import numbers
from ..options.import_options import FocalOption, IntrinsicsOption, read_intrinsics
from ..options.unread import refuse_unread
from .geometry_camera import AXES, GeometryCamera, camera_in_file
from .geometry_file import GEOMETRY_FILES, Geometry, read_geometry_files


def geometry(
    context: typer.Context,
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    mesh: Annotated[list[Path], typer.Option(help=f"{GEOMETRY_FILES}: meshes, or a LiDAR's points. Repeat it.")],
    camera: Annotated[
        Path | None,
        typer.Option(help="Camera file of the photo, in the geometry's world; else that is the camera's own."),
    ] = None,
    frame: Annotated[
        int | None, typer.Option(help="Which of its cameras, from 0; else the one named as the photo.")
    ] = None,
    axes: Annotated[
        str,
        typer.Option(metavar="|".join(AXES), help="Of geometry without --camera: y down, z forward; or y up, z back."),
    ] = "opencv",
    scale: Annotated[float, typer.Option(help="Metres in one unit of the geometry and of the camera file.")] = 1.0,
    farthest: Annotated[
        str, typer.Option(metavar="METRES|unknown", help="Of what the geometry does not cover.")
    ] = "unknown",
    focal_mm: FocalOption = None,
    intrinsics: IntrinsicsOption = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="NPZ to write; else beside the photo.")] = None,
) -> None:
    """Depth from geometry you have: blocked-out boxes, photogrammetry, a LiDAR scan. Writes the same as `predict`.

    Needs headless Blender, whose importers read the files.
    """
    if axes not in AXES:
        raise typer.BadParameter(f"{axes!r}: expected {' or '.join(AXES)}", param_hint="--axes")
    refuse_unread(context, camera is not None, "--camera", "frame")
    refuse_unread(context, camera is None, "geometry in the camera's own frame, without --camera", "axes")
    rest = np.nan if farthest == "unknown" else numbers(farthest, "--farthest", (1,))[0]
    rows = read_intrinsics(context, intrinsics)
    calibration = None if rows is None else np.array(rows)
    with friendly_errors():
        _check_numbers(scale, rest)
        read = read_photo(photo)
        size = (read.pixels.shape[1], read.pixels.shape[0])
        lens = photo_lens(size, intrinsics=calibration, focal_mm=focal_mm, exif_mm=read.focal_35mm)
        found = GeometryCamera(AXES[axes], lens)
        if camera is not None:
            typed = calibration is not None or focal_mm is not None
            found = camera_in_file(camera, photo, size, frame, lens, keep_lens=typed)
        placed = read_geometry_files(mesh).moved(np.diag([scale, scale, scale, 1.0]) @ found.into_camera)
        depth = _depth(placed, read, found)
        covered = np.isfinite(depth)
        write_depth(out or photo.with_suffix(".depth.npz"), np.where(covered, depth, np.float32(rest)), found.lens)
    say(f"The geometry covers {covered.mean():.0%} of the photo")
    for note in found.notes:
        say(note)


def _check_numbers(scale: float, rest: float) -> None:
    if not 0 < scale < np.inf:
        raise PhotoError("The geometry has no scale", f"{scale:g} metres a unit", "Give a number above 0.")
    if not (np.isnan(rest) or 0 < rest < FARTHEST_DEPTH):
        raise PhotoError("The farthest distance is none", f"{rest:g} m", "Give metres above 0, or unknown.")


def _depth(placed: Geometry, photo: PhotoFile, camera: GeometryCamera) -> Float32:
    """[h, w] metres at the scene's size, NaN where neither a mesh nor a cloud is seen; the nearer of both."""
    size = (photo.pixels.shape[1], photo.pixels.shape[0])
    columns, rows = scene_size(*size)
    intrinsics = camera.lens.intrinsics
    rays = GridRays((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows, intrinsics, size)
    depth = seen_depth(placed.vertices, placed.triangles, rays)
    points = seen_points(placed.points, intrinsics, size, MOST_PIXELS)
    if points is not None:
        depth = np.fmin(depth, cleaned_at_photo(points, photo.pixels, intrinsics, UNTOUCHED).depth)
    if not np.isfinite(depth).any():
        raise _unseen(placed)
    return depth


def _unseen(placed: Geometry) -> PhotoError:
    points = np.concatenate([placed.vertices, placed.points])
    low, high = points.min(axis=0), points.max(axis=0)
    reach = ", ".join(f"{axis} {a:.3g} to {b:.3g}" for axis, a, b in zip("xyz", low, high, strict=True))
    where = "behind the photo's camera" if high[2] <= 0 else "beside the picture"
    return PhotoError(
        "The photo's camera does not see the geometry",
        f"in its frame (x right, y down, z forward, metres) it reaches {reach}: {where}",
        "Check --camera and --frame, or --axes.",
    )
