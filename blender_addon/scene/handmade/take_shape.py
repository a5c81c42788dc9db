"""The shape of the photo's mesh, as an artist has sculpted or edited it, becomes the photo's depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.arrays import Bool, Float32, Float64, Int32
from ...core.camera.projection import project
from ...core.depth.cleaning.clean import MOVED, SHIFTED
from ...core.depth.cleaning.edges import REACH, refine_edges
from ...core.depth.depth_facts import metres
from ...core.depth.depth_mesh import cut_faces
from ...core.depth.seen_depth import CLIPPED_AT, GridRays, seen_depth
from ...core.errors import PhotoError
from ..axes import blender_points
from ..editing.cleaning import facts_of_vertices, photo_at_vertices
from ..editing.new_depth import grid_rays, grid_vertices, set_depth
from ..mesh import PIXEL, SHIFT, TAKEN, TOUCHED, counting, mesh_surface
from ..photo_scene import PhotoScene, Record

ON_RAY = 0.02
"""Pixels of the grid within which a vertex still stands on its pixel's ray."""
SAME = 1e-5
"""Relative difference of two depths that is rounding."""


@dataclass(frozen=True)
class TakenShape:
    """What became of it.

    Attributes:
        photo_scene: The photo with its changed record.
        changed: Pixels whose depth is another one now, or that have one only now.
        unknown: Pixels that had depth and have none now.
        most: Metres by which the depth changed at most.
        behind: Vertices that stood at the camera or behind it.
        evaluated: Names of modifiers, and "shape keys", which are part of the depth now and were removed.
    """

    photo_scene: PhotoScene
    changed: int
    unknown: int
    most: float
    behind: int
    evaluated: tuple[str, ...]

    @property
    def words(self) -> str:
        """What an artist is told."""
        sentences = []
        if self.changed:
            by = f", by {metres(self.most)} m at most" if self.most else ""
            sentences.append(f"Depth changed at {self.changed:,} pixels{by}.")
        if self.unknown:
            sentences.append(f"{self.unknown:,} pixels have no depth any more.")
        if self.behind:
            sentences.append(f"{self.behind:,} vertices at the camera or behind it are unknown.")
        if self.evaluated:
            sentences.append(f"{', '.join(self.evaluated)}: part of the depth now, and removed.")
        return " ".join(sentences)


def take_shape(scene: bpy.types.Scene, photo_scene: PhotoScene, depsgraph: bpy.types.Depsgraph) -> TakenShape | None:
    """Make what the photo's camera sees of the photo's mesh the photo's depth.

    Modifiers and shape keys count, and are removed. A vertex that was moved along its ray gives its own depth; one that
    was moved sideways gives the pixels that it covers now theirs. What no face covers any more is unknown. Where
    cleaning moves edges onto the photo's, those of the new depth are moved too, and can be taken back with the others.

    Args:
        scene: The scene.
        photo_scene: The photo.
        depsgraph: Evaluated, of a view layer with the photo's mesh.

    Returns:
        What became of it; None when the mesh has no other shape than its depth, and nothing was changed.

    Raises:
        PhotoError: The mesh is in Edit Mode, or nothing of it is in front of the camera. Nothing has changed then.
    """
    subject, record = photo_scene.mesh, photo_scene.record
    if subject.data.is_editmode:
        raise PhotoError("The mesh is being edited", subject.name, "Leave Edit Mode first.")
    shape = _evaluated_shape(photo_scene, depsgraph)
    before = shape.grid(shape.taken, shape.counts)
    result = _depth(shape)
    if not np.isfinite(result).any():
        raise PhotoError(
            "Nothing of the mesh is in front of the photo's camera",
            f"{len(shape.vertices):,} vertices, {len(shape.triangles):,} triangles",
            "Undo what moved it away, then try again.",
        )
    evaluated = _evaluated_names(subject)
    # Where the mesh itself has another shape than its evaluated one, none of its vertices can stay.
    kept = np.zeros_like(result, dtype=np.bool_) if evaluated else _kept(shape, result)
    differs = ~np.isclose(result, before, rtol=SAME, atol=0, equal_nan=True)
    deleted = _deleted(photo_scene)
    if kept[shape.claimed()].all() and not differs.any() and not evaluated and not deleted:
        return None
    unrefined = None
    if record.cleaned & MOVED:
        unrefined, result = result, _refined(result, differs & np.isfinite(result), photo_scene)
    changed = set_depth(scene, photo_scene, result, ~kept, unrefined=unrefined)
    _remove_evaluated(subject)
    both = differs & np.isfinite(result) & np.isfinite(before)
    return TakenShape(
        changed,
        changed=int((differs & np.isfinite(result)).sum()),
        unknown=deleted + int((np.isfinite(before) & np.isnan(result)).sum()),
        most=float(np.abs(result - before)[both].max(initial=0.0)),
        behind=int((shape.vertices[:, 2] <= CLIPPED_AT).sum()),
        evaluated=evaluated,
    )


@dataclass(frozen=True, eq=False)
class _Shape:
    """The evaluated mesh in the photo camera's frame, and what its vertices still know of the grid.

    Attributes:
        rays: Of the grid.
        vertices: [N, 3] float64 metres, OpenCV axes.
        triangles: [T, 3] int32.
        pixels: [N] int32, the pixel that each vertex was built for; -1 where it is not known or not the grid's.
        on_ray: [N] bool, whether it stands on that pixel's ray, in front of the camera.
        counts: [N] bool, whether it is part of the surface with the cleaning that is in force.
        taken: [N] float32, the depth that it was built at.
        has_face: [N] bool.
        depth_edge: Relative jump of depth at which the mesh is cut.
    """

    rays: GridRays
    vertices: Float64
    triangles: Int32
    pixels: Int32
    on_ray: Bool
    counts: Bool
    taken: Float32
    has_face: Bool
    depth_edge: float

    def grid(self, depth: Float32, which: Bool) -> Float32:
        """[R, C] float32 of the depths [N] of some vertices, the nearest where several are of one pixel; else NaN."""
        columns, rows = self.rays.size
        nearest = np.full(rows * columns, np.inf, dtype=np.float32)
        which = which & (self.pixels >= 0)
        np.minimum.at(nearest, self.pixels[which], depth[which])
        return np.where(np.isfinite(nearest), nearest, np.float32(np.nan)).reshape(rows, columns)

    def claimed(self) -> Bool:
        """[R, C] bool, the pixels that have a vertex, wherever it stands."""
        columns, rows = self.rays.size
        result = np.zeros(rows * columns, dtype=np.bool_)
        result[self.pixels[self.pixels >= 0]] = True
        return result.reshape(rows, columns)


def _evaluated_shape(photo_scene: PhotoScene, depsgraph: bpy.types.Depsgraph) -> _Shape:
    evaluated = photo_scene.mesh.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh(preserve_all_data_layers=True, depsgraph=depsgraph)
    try:
        points, triangles = mesh_surface(mesh)
        into_camera = np.linalg.inv(np.array(photo_scene.frame, dtype=np.float64))
        vertices = blender_points(points @ into_camera[:3, :3].T + into_camera[:3, 3])
        rays = grid_rays(photo_scene)
        columns, rows = rays.size
        pixels = _values(mesh, PIXEL, "INT", np.full(len(vertices), -1, np.int32))
        pixels = np.where((pixels >= 0) & (pixels < rows * columns), pixels, np.int32(-1))
        z = vertices[:, 2].astype(np.float32)
        has_face = np.zeros(len(vertices), dtype=np.bool_)
        has_face[triangles.ravel()] = True
        return _Shape(
            rays=rays,
            vertices=vertices,
            triangles=triangles,
            pixels=pixels,
            on_ray=_on_ray(vertices, pixels, rays),
            counts=_count(mesh, photo_scene.record),
            taken=_values(mesh, TAKEN, "FLOAT", z),
            has_face=has_face,
            depth_edge=photo_scene.record.depth_edge,
        )
    finally:
        evaluated.to_mesh_clear()


def _on_ray(vertices: Float64, pixels: Int32, rays: GridRays) -> Bool:
    row, column = np.divmod(pixels, len(rays.u))
    places = np.stack([rays.u[column], rays.v[row]], axis=1) * rays.photo_size
    seen, z = project(vertices, rays.intrinsics, np.eye(4))
    with np.errstate(invalid="ignore"):
        away = np.abs(seen - places) * np.divide(rays.size, rays.photo_size)
        return np.asarray((pixels >= 0) & (z > CLIPPED_AT) & (away <= ON_RAY).all(axis=1))


def _count(mesh: Any, record: Record) -> Bool:
    """[N] bool, as GridVertices.count, of a mesh that may have lost the attributes."""
    flags = _values(mesh, TOUCHED, "INT", np.zeros(len(mesh.vertices), np.int32))
    shift = _values(mesh, SHIFT, "FLOAT", np.ones(len(mesh.vertices), np.float32))
    return counting(flags, shift, record.cleaned)


def _values(mesh: Any, name: str, kind: str, otherwise: NDArray[Any]) -> NDArray[Any]:
    """A vertex attribute [N] of one number each; `otherwise` where the mesh does not have it."""
    attribute = mesh.attributes.get(name)
    if attribute is None or attribute.domain != "POINT" or attribute.data_type != kind:
        return otherwise
    values = np.empty_like(otherwise)
    attribute.data.foreach_get("value", values)
    return values


def _depth(shape: _Shape) -> Float32:
    """[R, C] float32 metres: what the camera sees, exactly where a vertex stands on its pixel's ray; NaN elsewhere."""
    # A face that hangs on something at the camera or behind it shows nothing that is in the photo.
    ahead = (shape.vertices[:, 2] > CLIPPED_AT)[shape.triangles].all(axis=1)
    seen = seen_depth(shape.vertices, shape.triangles[ahead], shape.rays)
    z = shape.vertices[:, 2].astype(np.float32)
    known = shape.on_ray & shape.counts
    # A vertex without a face is part of the depth where the cut leaves it none, and not where faces were deleted.
    loose = shape.grid(z, known)
    cut = np.zeros(loose.size, dtype=np.bool_)
    own = np.flatnonzero(np.isfinite(loose))
    for faces in cut_faces(loose, shape.depth_edge):
        cut[own[faces.ravel()]] = True
    known &= shape.has_face | ~cut[shape.pixels]
    own_depth = shape.grid(z, known)
    with np.errstate(invalid="ignore"):
        hides = seen < own_depth * (1 - 1e-3)
    return np.where(np.isfinite(own_depth) & ~hides, own_depth, seen)


def _deleted(photo_scene: PhotoScene) -> int:
    """How many pixels had depth when the record was written, and have lost their vertices since."""
    record, vertices = photo_scene.record, grid_vertices(photo_scene.mesh.data)
    if record.facts is None or vertices is None:
        return 0
    now = facts_of_vertices(vertices, record.cleaned, record)
    lost = record.facts.known_share - (0.0 if now is None else now.known_share)
    return max(round(lost * record.rows * record.columns), 0)


def _kept(shape: _Shape, result: Float32) -> Bool:
    """[R, C] bool, the pixels whose one vertex stands where it was built, or which have none and need none."""
    columns, rows = shape.rays.size
    own = shape.pixels >= 0
    count = np.bincount(shape.pixels[own], minlength=rows * columns)
    z = shape.vertices[:, 2].astype(np.float32)
    unmoved = shape.on_ray & np.isclose(z, shape.taken, rtol=SAME, atol=0)
    wanted = result.ravel()[shape.pixels]
    unmoved &= np.where(shape.counts, np.isclose(z, wanted, rtol=SAME, atol=0), np.isnan(wanted))
    kept = np.zeros(rows * columns, dtype=np.bool_)
    kept[shape.pixels[own & unmoved]] = True
    kept &= count == 1
    return kept.reshape(rows, columns)


def _refined(depth: Float32, where: Bool, photo_scene: PhotoScene) -> Float32:
    """The depth, with the edges among the pixels `where` moved onto the photo's as cleaning moves them."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not len(rows):
        return depth
    around = np.s_[
        max(rows[0] - 2 * REACH, 0) : rows[-1] + 2 * REACH + 1,
        max(columns[0] - 2 * REACH, 0) : columns[-1] + 2 * REACH + 1,
    ]
    photo = photo_at_vertices(photo_scene.photo(), depth.shape)
    refined = refine_edges(depth[around], photo[around])
    result = depth.copy()
    with np.errstate(invalid="ignore"):
        moved = where[around] & (np.abs(refined / depth[around] - 1) > SHIFTED)
    result[around][moved] = refined[moved]
    return result


def _evaluated_names(subject: bpy.types.Object) -> tuple[str, ...]:
    keys = ("shape keys",) if subject.data.shape_keys is not None else ()
    return (*(modifier.name for modifier in subject.modifiers if modifier.show_viewport), *keys)


def _remove_evaluated(subject: bpy.types.Object) -> None:
    """Remove the modifiers that are part of the depth now; set_depth has removed the shape keys."""
    for modifier in [modifier for modifier in subject.modifiers if modifier.show_viewport]:
        subject.modifiers.remove(modifier)
