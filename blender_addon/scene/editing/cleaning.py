"""Depth cleaning in the scene: what each step does to the depth is marked, and applied or taken back at any time.

No vertex is deleted for it. One that a step drops belongs to no face and counts as unknown; one that a step moves
holds by how much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ...core.arrays import Float32, Float64, Int32, UInt8
from ...core.camera.projection import scaled_intrinsics
from ...core.depth.cleaning.clean import FLYING, MOVED, OUTLIER, SKY, CleanDepth, clean_depth
from ...core.depth.depth_facts import DepthFacts, depth_facts
from ...core.depth.depth_mesh import lift
from ..axes import blender_points, depth_of
from ..grid_places import even_places
from ..mesh import TOUCHED, GridVertices, grid_depth, mark_vertices, read_vertices, rebuild_mesh
from ..photo_scene import PhotoScene, Record, check_no_shape_keys, store_record, whole
from .rig_dependencies import let_cameras_see

STEPS = (MOVED, FLYING, OUTLIER, SKY)
"""The bits of the cleaning steps."""
EVERYTHING = MOVED | FLYING | OUTLIER | SKY


@dataclass(frozen=True, eq=False)
class DepthToClean:
    """What cleaning analyses, without a Blender pointer, so that another thread may do it.

    Attributes:
        depth: [R, C] float32 metres of the mesh's vertices, NaN where there is none.
        photo: [R, C, 3] uint8 sRGB under the vertices.
        intrinsics: [3, 3] float64 in pixels of a picture of C x R.
    """

    depth: Float32
    photo: UInt8
    intrinsics: Float64

    def analyse(self, begins: Callable[[str], None] = lambda _step: None) -> CleanDepth:
        """What each step would do.

        Args:
            begins: Called with each step's name before it begins; an exception from it ends the cleaning.
        """
        return clean_depth(self.depth, self.photo, self.intrinsics, begins=begins)

    def is_still(self, photo_scene: PhotoScene) -> bool:
        """Whether the scene's depth and lens are the same as when this was taken from it."""
        depth, intrinsics = _depth_and_lens(photo_scene)
        return np.array_equal(depth, self.depth, equal_nan=True) and np.array_equal(intrinsics, self.intrinsics)


def depth_to_clean(photo_scene: PhotoScene) -> DepthToClean:
    """What cleaning analyses of a scene that it has not analysed yet.

    Raises:
        PhotoError: The mesh is in Edit Mode or has shape keys.
    """
    check_no_shape_keys(photo_scene)
    depth, intrinsics = _depth_and_lens(whole(photo_scene))
    return DepthToClean(depth, photo_at_vertices(photo_scene.photo(), depth.shape), intrinsics)


def analyse_depth(photo_scene: PhotoScene) -> None:
    """Mark what each step of the cleaning would do; the depth itself is not changed.

    Raises:
        PhotoError: The mesh is in Edit Mode or has shape keys.
    """
    mark_depth(photo_scene, depth_to_clean(photo_scene).analyse())


def mark_depth(photo_scene: PhotoScene, found: CleanDepth) -> None:
    """Mark what an analysis of the scene's depth found.

    A sky whose depth is unknown gets vertices that do not count until it is put on its shell.

    Raises:
        PhotoError: The mesh is in Edit Mode or has shape keys.
    """
    check_no_shape_keys(photo_scene)
    mesh, record = whole(photo_scene).mesh.data, photo_scene.record
    vertices = read_vertices(mesh)
    new = np.flatnonzero(found.mask(SKY) & np.isnan(found.before)).astype(np.int32)
    if not len(new):
        mark_vertices(mesh, marked_vertices(vertices, found))
        return
    marked = marked_vertices(_with_sky(vertices, new, found, photo_scene), found)
    rebuild_mesh(mesh, marked, (record.rows, record.columns), record.depth_edge, record.cleaned)


def marked_vertices(vertices: GridVertices, found: CleanDepth) -> GridVertices:
    """The same vertices with what cleaning found on their grid; no step is applied."""
    cleaning_flags = found.cleaning_flags.ravel()[vertices.pixels].astype(np.int32)
    # What is dropped was moved before, but by how much is not known any more: taken back, it is where it was.
    cleaning_flags[cleaning_flags & (FLYING | OUTLIER) != 0] &= ~MOVED
    with np.errstate(invalid="ignore"):
        shift = (found.depth / found.before).ravel()[vertices.pixels]
    shift = np.where(cleaning_flags & (MOVED | SKY) != 0, np.nan_to_num(shift, nan=0.0), np.float32(1)).astype(
        np.float32
    )
    return replace(vertices, cleaning_flags=cleaning_flags, shift=shift, is_analysed=True)


def set_cleaned(scene: bpy.types.Scene, photo_scene: PhotoScene, cleaned: int) -> PhotoScene:
    """Apply some steps of the cleaning and take back the others. The depth is analysed first when it has not been.

    Args:
        scene: The scene.
        photo_scene: The photo.
        cleaned: Bits MOVED, FLYING, OUTLIER, SKY of the steps that shall be in force.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: The mesh is in Edit Mode or has shape keys.
    """
    check_no_shape_keys(photo_scene)
    mesh, record = whole(photo_scene).mesh.data, photo_scene.record
    vertices = read_vertices(mesh)
    if cleaned and not vertices.is_analysed:
        analyse_depth(photo_scene)
        vertices = read_vertices(mesh)
    vertices = replace(vertices, positions=_shifted(vertices, record.cleaned, cleaned))
    rebuild_mesh(mesh, vertices, (record.rows, record.columns), record.depth_edge, cleaned)
    changed = replace(record, cleaned=cleaned, facts=facts_of_vertices(vertices, cleaned, record))
    store_record(photo_scene.mesh, changed)
    if cleaned & SKY and (vertices.cleaning_flags & SKY).any():
        let_cameras_see(scene, photo_scene, float(depth_of(vertices.positions).max()))
    return replace(photo_scene, record=changed)


def is_analysed(photo_scene: PhotoScene) -> bool:
    """Whether cleaning has analysed the depth."""
    return TOUCHED in photo_scene.mesh.data.attributes


def touched_counts(photo_scene: PhotoScene) -> dict[int, int]:
    """How many vertices each step touches, by the step's bit; empty before the depth was analysed."""
    cleaning_flags = read_vertices(photo_scene.mesh.data).cleaning_flags
    return {bit: int((cleaning_flags & bit != 0).sum()) for bit in STEPS}


def applied_shifts(vertices: GridVertices, cleaned: int) -> Float32:
    """[V] how many times as far as before cleaning each vertex is with some steps in force."""
    factor = np.ones(len(vertices.shift), dtype=np.float32)
    for bit in (MOVED, SKY):
        if cleaned & bit:
            concerned = (vertices.shift > 0) & (vertices.cleaning_flags & bit != 0)
            factor[concerned] *= vertices.shift[concerned]
    return factor


def facts_of_vertices(vertices: GridVertices, cleaned: int, record: Record) -> DepthFacts | None:
    """How far the depth reaches with some steps in force, before the scene's scale. The sky's shell is no depth."""
    counts = vertices.count(cleaned) & (vertices.cleaning_flags & SKY == 0)
    depth = np.full(record.rows * record.columns, np.nan, dtype=np.float32)
    depth[vertices.pixels[counts]] = depth_of(vertices.positions[counts]) / record.scale
    return depth_facts(depth)


def _depth_and_lens(photo_scene: PhotoScene) -> tuple[Float32, Float64]:
    """[R, C] float32 metres at the mesh's vertices, NaN where there is none; [3, 3] intrinsics, pixels of that size."""
    rows, columns = photo_scene.record.rows, photo_scene.record.columns
    depth = grid_depth(photo_scene.mesh.data, rows, columns)
    return depth, scaled_intrinsics(photo_scene.intrinsics, photo_scene.photo_size, (columns, rows))


def _shifted(vertices: GridVertices, was: int, now: int) -> Float32:
    """[V, 3] positions with the steps `now` in force instead of `was`."""
    factor = applied_shifts(vertices, now) / applied_shifts(vertices, was)
    return np.asarray(vertices.positions * factor[:, None], dtype=np.float32)


def _with_sky(vertices: GridVertices, new: Int32, found: CleanDepth, photo_scene: PhotoScene) -> GridVertices:
    """The vertices and those of sky pixels `new` that had none, in the order of their pixels."""
    record = photo_scene.record
    row, column = np.divmod(new, record.columns)
    uv = np.stack([even_places(record.columns)[column], even_places(record.rows)[row]], axis=1)
    points = lift(uv, found.depth.ravel()[new], photo_scene.intrinsics, photo_scene.photo_size).astype(np.float32)
    pixels = np.concatenate([vertices.pixels, new])
    order = np.argsort(pixels, kind="stable")
    # Their depth before cleaning is not known; what an analysis gave them is what there is.
    shell = None if record.law is None else record.law.numbers(found.depth.ravel()[new] / record.scale)
    imported = vertices.imported
    return GridVertices(
        positions=np.concatenate([vertices.positions, blender_points(points)])[order],
        pixels=pixels[order],
        picture=np.concatenate([vertices.picture, np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)])[order],
        cleaning_flags=np.zeros(len(pixels), dtype=np.int32),
        shift=np.ones(len(pixels), dtype=np.float32),
        is_analysed=False,
        imported=None
        if imported is None or shell is None
        else np.concatenate([imported, shell.astype(np.float32)])[order],
    )


def photo_at_vertices(photo: UInt8, grid: tuple[int, ...]) -> UInt8:
    """[rows, columns, 3] pixels of the photo [H, W, 3] under each vertex of a grid of (rows, columns)."""
    rows, columns = ((np.arange(n) + 0.5) / n * size for n, size in zip(grid, photo.shape, strict=False))
    return np.asarray(photo[np.ix_(rows.astype(np.int64), columns.astype(np.int64))], dtype=np.uint8)
