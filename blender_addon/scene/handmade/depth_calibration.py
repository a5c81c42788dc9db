"""The photo's depth brought to metres in place: the numbers that were imported, read by another law.

The mesh keeps the imported depth of each vertex, so that a calibration is done again from there and taken back. What
the artist moved since, or cleaning, goes through the law as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
import numpy as np
from mathutils import Vector

from ...core.arrays import Bool, Float64
from ...core.camera.projection import unproject_pixels
from ...core.depth.calibration.depth_law import DepthLaw
from ...core.depth.cleaning.clean import MOVED, SKY
from ...core.errors import PhotoError
from ..axes import blender_points, depth_of
from ..editing.cleaning import applied_shifts, facts_of_vertices
from ..editing.depth_layout import LAYOUT
from ..editing.overlay import cleaning_shown, hide_cleaning, show_cleaning
from ..editing.rescale import rescale
from ..editing.rig_dependencies import let_cameras_see
from ..editing.under_geometry import map_under_geometry
from ..mesh import GridVertices, read_vertices, rebuild_mesh
from ..photo_scene import PhotoScene, check_no_shape_keys, photo_vertices, store_record, whole

SAME = 1e-4
"""Relative difference up to which a vertex stands where the calibration put it."""
_IDENTITY = DepthLaw(reciprocal=False, gives="depth", slope=1.0, offset=0.0, nearest=0.0, farthest=np.inf)


@dataclass(frozen=True)
class Calibrated:
    """What a calibration did.

    Attributes:
        photo_scene: The photo with its changed record.
        moved: How much farther from the photo's camera the artist's cameras are; None when they were left alone.
        cleaning_lost: Whether the cleaning was taken back, because near and far changed places.
    """

    photo_scene: PhotoScene
    moved: float | None
    cleaning_lost: bool


def is_laid_out(photo_scene: PhotoScene) -> bool:
    """Whether the depth is laid out by hand, which tells its metres."""
    return LAYOUT in photo_scene.mesh


def is_guessed(photo_scene: PhotoScene) -> bool:
    """Whether the scene's metres are a guess: relative depth that was neither calibrated nor laid out."""
    return photo_scene.record.guessed and not is_laid_out(photo_scene)


def imported_depth(photo_scene: PhotoScene) -> Float64:
    """[rows, columns] metres as they were imported, NaN where there is no vertex: what a calibration reads.

    Raises:
        PhotoError: The mesh is in Edit Mode or has lost what it was made of.
    """
    record, vertices = photo_scene.record, photo_vertices(photo_scene)
    grid = np.full(record.rows * record.columns, np.nan)
    known = _has_depth(vertices)
    grid[vertices.pixels[known]] = _imported(photo_scene, vertices)[known]
    return grid.reshape(record.rows, record.columns)


def place_in_photo(photo_scene: PhotoScene, point: Vector) -> tuple[float, float]:
    """Where the photo shows a world point: (across, down), (0, 0) its top-left corner, (1, 1) its bottom-right one.

    NaN for one that is not in front of the camera.
    """
    x, y, z = photo_scene.world.inverted_safe() @ point
    if z >= 0:
        return np.nan, np.nan
    intrinsics, (width, height) = photo_scene.intrinsics, photo_scene.photo_size
    column, row, _ = intrinsics @ np.array([x, -y, -z]) / -z
    return float(column / width), float(row / height)


def point_of_photo(photo_scene: PhotoScene, across: float, down: float, imported: float) -> Vector:
    """The world point of a place in the photo whose imported depth is known."""
    record, (width, height) = photo_scene.record, photo_scene.photo_size
    depth = record.scale * float((record.law or _IDENTITY).metres(np.array(imported)))
    pixels = np.array([[across * width, down * height]])
    local = blender_points(unproject_pixels(pixels, np.array([depth]), photo_scene.intrinsics))[0]
    return photo_scene.world @ Vector(local.tolist())


def down_in_photo(photo_scene: PhotoScene) -> Float64:
    """[3] downwards in the scene, which is against its Z axis, in the photo camera's OpenCV axes."""
    axes = np.array(photo_scene.world.to_3x3().normalized(), dtype=np.float64)
    return np.asarray(axes.T @ [0.0, 0.0, -1.0] * [1, -1, -1], dtype=np.float64)


def set_law(scene: bpy.types.Scene, photo_scene: PhotoScene, law: DepthLaw | None, *, follow: bool) -> Calibrated:
    """Read the imported depth by a law. The scale becomes 1: the law gives metres.

    Distances change unevenly, so no shot can keep its framing as a change of scale does.

    Args:
        scene: The scene.
        photo_scene: The photo.
        law: Imported depth to metres; None takes a calibration back.
        follow: Rescale the artist's cameras about the photo's camera, so that what is in the photo's middle stays
            framed as it was.

    Raises:
        PhotoError: The depth is laid out by hand, or the mesh has shape keys, is in Edit Mode or has lost what it was
            made of. Nothing has changed then.
        CameraError: A camera would not follow a change of scale. Nothing has changed then.
    """
    if is_laid_out(photo_scene):
        raise PhotoError(
            "This depth is laid out by hand",
            "its metres come from the camera's height in Ground and Walls",
            "Change that height; or press Depth as Before there, calibrate, and lay out again.",
        )
    check_no_shape_keys(photo_scene)
    before, vertices = whole(photo_scene).record, read_vertices(photo_scene.mesh.data)
    imported = _imported(photo_scene, vertices)
    old, new = before.law or _IDENTITY, law or _IDENTITY
    turned = old.farther_is_higher != new.farther_is_higher
    factor = 1.0
    if follow:
        factor = float(new.metres(_in_the_middle(photo_scene, vertices, imported))) / photo_scene.subject_distance()
        rescale(scene, photo_scene, factor)
    changed = _remapped(read_vertices(photo_scene.mesh.data), imported, before.cleaned, old, new)
    cleaned = before.cleaned
    if turned:
        changed, cleaned = _without_cleaning(changed, cleaned), 0
    if law is None:
        changed = replace(changed, imported=None)
    record = replace(
        before,
        scale=1.0,
        law=law,
        calibrated_scale=before.shot_scale * factor,
        cleaned=cleaned,
    )
    record = replace(record, facts=facts_of_vertices(changed, cleaned, record))
    rebuild_mesh(photo_scene.mesh.data, changed, (record.rows, record.columns), record.depth_edge, cleaned)
    store_record(photo_scene.mesh, record)
    map_under_geometry(photo_scene.mesh, lambda depth: new.metres(old.numbers(depth)))
    let_cameras_see(scene, photo_scene, float(depth_of(changed.positions).max()))
    result = replace(photo_scene, record=record)
    if cleaning_shown(result):
        (hide_cleaning if turned else show_cleaning)(result)
    return Calibrated(result, factor if follow else None, turned and vertices.is_analysed)


def _has_depth(vertices: GridVertices) -> Bool:
    """[V] bool, False for a sky that had no depth before it was put on its shell."""
    return np.asarray(vertices.shift != 0, dtype=np.bool_)


def _imported(photo_scene: PhotoScene, vertices: GridVertices) -> Float64:
    """[V] metres as imported, before cleaning; of what was moved since, what is read as where it stands now."""
    record = photo_scene.record
    now = depth_of(vertices.positions) / record.scale / applied_shifts(vertices, record.cleaned).astype(np.float64)
    if record.law is None:
        return now
    if vertices.imported is None:
        return record.law.numbers(now)
    kept = vertices.imported.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(now / record.law.metres(kept) - 1) > SAME
        read = record.law.numbers(now)
    return np.where(moved & np.isfinite(read), read, kept)


def _in_the_middle(photo_scene: PhotoScene, vertices: GridVertices, imported: Float64) -> Float64:
    """The imported depth of what `PhotoScene.subject_distance` measures."""
    record = photo_scene.record
    counts = vertices.count(record.cleaned)
    grid = np.full(record.rows * record.columns, np.nan)
    grid[vertices.pixels[counts]] = imported[counts]
    grid = grid.reshape(record.rows, record.columns)
    rows, columns = record.rows // 3, record.columns // 3
    middle = grid[rows:-rows, columns:-columns] if rows and columns else grid
    return np.asarray(np.nanmedian(middle if np.isfinite(middle).any() else grid))


def _remapped(vertices: GridVertices, imported: Float64, cleaned: int, old: DepthLaw, new: DepthLaw) -> GridVertices:
    """The vertices where another law puts them; what cleaning moved goes where the law puts that."""
    depth = new.metres(imported)
    moves = (vertices.cleaning_flags & (MOVED | SKY) != 0) & (vertices.shift > 0) & (vertices.shift != 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shifted = new.metres(old.numbers(old.metres(imported) * vertices.shift)) / depth
    shift = np.where(moves & np.isfinite(shifted) & (shifted > 0), shifted, vertices.shift)
    changed = replace(vertices, shift=shift.astype(np.float32), imported=imported.astype(np.float32))
    now = depth * applied_shifts(changed, cleaned)
    positions = vertices.positions * (now / depth_of(vertices.positions))[:, None]
    return replace(changed, positions=positions.astype(np.float32))


def _without_cleaning(vertices: GridVertices, cleaned: int) -> GridVertices:
    """The vertices, with some steps of cleaning in force, as if they had never been analysed."""
    had = _has_depth(vertices)
    positions = vertices.positions / applied_shifts(vertices, cleaned)[:, None]
    return GridVertices(
        positions=positions[had].astype(np.float32),
        pixels=vertices.pixels[had],
        picture=vertices.picture[had],
        cleaning_flags=np.zeros(int(had.sum()), dtype=np.int32),
        shift=np.ones(int(had.sum()), dtype=np.float32),
        is_analysed=False,
        imported=None if vertices.imported is None else vertices.imported[had],
    )
