"""Where the photo's camera stands in its mesh's own axes: as imported it is them, until an artist changes the axes.

Object > Apply and Object > Set Origin give a mesh other axes and move nothing that is seen. What does not move tells
where the camera stands: each vertex's place in the photo with the depth that it was built at, and the photo's own
camera, which Blender keeps in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from ..blender_versions import fcurves_of
from ..core.arrays import Bool, Float64
from ..core.errors import PhotoError
from .axes import blender_points
from .mesh import PICTURE, PIXEL, TAKEN

LOOKS = 96
"""How many vertices are looked at."""
BESIDE = 2e-4
"""Share of the photo's side within which a vertex stands on its ray."""
APART = 1e-3
"""Relative difference within which a vertex has the depth that it was built at."""
SHEARED = 1e-4
"""Share of its size by which a map may differ from a place, a turn and a scale of three axes."""
MOST = 0.5
"""Share of the vertices that must agree on the axes: an artist may have moved the others."""


@dataclass(frozen=True, eq=False)
class Vertices:
    """Some vertices of a photo's mesh.

    Attributes:
        points: [K, 3] float64 in the mesh's own axes.
        rays: [K, 3] float64 through their places in the photo, in the photo camera's Blender axes, z -1.
        depth: [K] float64 metres that they were built at; NaN in files of before.
        foreign: How many vertices that were looked at are not the photo's, but of a mesh that was joined to its.
    """

    points: Float64
    rays: Float64
    depth: Float64
    foreign: int

    def in_place(self, frame: Float64) -> Bool:
        """[K] bool, whether each stands where it was built, if the camera stands at `frame` [4, 4] in the mesh."""
        inverse = np.linalg.inv(frame)
        seen = self.points @ inverse[:3, :3].T + inverse[:3, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            beside = np.abs(seen / -seen[:, 2:] - self.rays)[:, :2].max(axis=1)
            apart = np.abs(-seen[:, 2] / self.depth - 1)
            return np.asarray((seen[:, 2] < 0) & (beside <= BESIDE) & ~(apart > APART), dtype=np.bool_)

    def share_in_place(self, frame: Float64) -> float:
        """The share of them that does, 0 to 1."""
        return float(self.in_place(frame).mean())


def some_vertices(mesh: bpy.types.Mesh, intrinsics: Float64, photo_size: tuple[int, int]) -> Vertices | None:
    """Vertices spread over a photo's mesh. Fast enough for a panel's draw.

    Returns:
        None in Edit Mode, and where the mesh has none or has lost their places in the photo.
    """
    picture, pixel, taken = (mesh.attributes.get(name) for name in (PICTURE, PIXEL, TAKEN))
    count = len(mesh.vertices)
    if mesh.is_editmode or not count or picture is None or pixel is None or picture.domain != "POINT":
        return None
    chosen = np.unique(np.linspace(0, count - 1, LOOKS).astype(int)).tolist()
    # Vertices of a mesh that was joined to it have no place in the photo: zeros.
    own = [i for i in chosen if pixel.data[i].value or any(picture.data[i].vector)]
    if not own:
        return None
    places = np.array([picture.data[i].vector for i in own], dtype=np.float64)
    pixels = np.stack([places[:, 0] * photo_size[0], (1 - places[:, 1]) * photo_size[1], np.ones(len(own))], axis=1)
    depth = np.array([np.nan if taken is None else taken.data[i].value for i in own], dtype=np.float64)
    return Vertices(
        points=np.array([mesh.vertices[i].co for i in own], dtype=np.float64),
        rays=blender_points(pixels @ np.linalg.inv(intrinsics).T),
        depth=np.where(depth > 0, depth, np.nan),
        foreign=len(chosen) - len(own),
    )


def photo_frame(
    subject: bpy.types.Object, camera: bpy.types.Object | None, intrinsics: Float64, photo_size: tuple[int, int]
) -> Matrix:
    """Where the photo's camera stands in the mesh's own axes: the identity, unless the artist changed these.

    Args:
        subject: The photo's mesh object.
        camera: The photo's camera, None where it is gone.
        intrinsics: [3, 3] float64 in the photo's pixels.
        photo_size: (width, height) in pixels.
    """
    same = Matrix()
    kept = _kept_by_camera(subject, camera)
    some = some_vertices(subject.data, intrinsics, photo_size)
    if some is None:
        return same if kept is None else kept
    if some.share_in_place(np.eye(4)) >= MOST:
        return same
    if kept is not None and some.share_in_place(np.array(kept)) >= MOST:
        return kept
    if camera is None or camera.parent != subject:
        fitted = _fitted(some)
        if fitted is not None and some.share_in_place(fitted) >= MOST and not is_sheared(Matrix(fitted.tolist())):
            return Matrix(fitted.tolist())
    # Most of it was moved by hand.
    return same if kept is None else kept


def restore_axes(subject: bpy.types.Object, frame: Matrix) -> None:
    """Give a photo's mesh its camera's axes again. Nothing that is seen moves.

    Args:
        subject: The photo's mesh object.
        frame: Its photo_frame.

    Raises:
        PhotoError: The mesh is in Edit Mode, linked from another file, animated or sheared. Nothing has changed then.
    """
    if subject.data.is_editmode:
        raise PhotoError("The mesh is being edited", subject.name, "Leave Edit Mode first.")
    check_editable(subject)
    moves = [curve.data_path for curve in fcurves_of(subject) if curve.data_path.startswith(_CHANNELS)]
    if moves:
        raise PhotoError(
            "The photo's mesh has other axes than its camera",
            f"{subject.name} was applied or given another origin, and {moves[0]} is animated",
            "Undo it, or clear the animation, then try again.",
        )
    users = [o for o in bpy.data.objects if o.data == subject.data]
    for user in users:
        if is_sheared(user.matrix_basis @ frame):
            raise PhotoError(
                "The photo's mesh has other axes than its camera",
                f"{user.name} was sheared (skewed in Edit Mode, or applied below a parent that is scaled unevenly)",
                "Undo it, or import the photo again.",
            )
    inverse = frame.inverted_safe()
    subject.data.transform(inverse, shape_keys=True)
    subject.data.update()
    for user in users:
        user.matrix_basis = user.matrix_basis @ frame
        for child in [o for o in user.children if o.parent_type == "OBJECT"]:
            child.matrix_parent_inverse = inverse @ child.matrix_parent_inverse
    for scene in subject.users_scene:
        for layer in scene.view_layers:
            layer.update()


def is_sheared(matrix: Matrix) -> bool:
    """Whether a 4 x 4 map is more than a place, a turn and a scale of three axes, which is all that an object holds."""
    kept = Matrix.LocRotScale(*matrix.decompose())
    return bool(np.abs(np.array(matrix) - np.array(kept)).max() > SHEARED * max(matrix.median_scale, 1e-6))


def check_editable(subject: bpy.types.Object) -> None:
    """Refuse a photo's mesh that belongs to another file: what were changed here would be lost.

    Raises:
        PhotoError: The object or its mesh is linked.
    """
    library = subject.library or subject.data.library
    if library is not None:
        raise PhotoError(
            "The photo is linked from another file",
            f"{subject.name} of {bpy.path.abspath(library.filepath)}",
            "Change it there; or make it local here (Object > Relations > Make Local > All).",
        )


_CHANNELS = ("location", "rotation", "scale", "delta_")


def _kept_by_camera(subject: bpy.types.Object, camera: bpy.types.Object | None) -> Matrix | None:
    """Where the photo's camera, which an import locks in its place, stands in the mesh that carries it."""
    if camera is None or camera.parent != subject or camera.parent_type != "OBJECT":
        return None
    if not all((*camera.lock_location, *camera.lock_rotation)):
        return None
    frame = camera.matrix_parent_inverse @ camera.matrix_basis
    if np.abs(np.array(frame) - np.eye(4)).max() < 1e-6:
        return Matrix()
    return frame if abs(frame.determinant()) > 1e-12 else None


def _fitted(some: Vertices) -> Float64 | None:
    """[4, 4] the map that takes most of the vertices from where they were built to where they stand."""
    built = np.concatenate([some.rays * some.depth[:, None], np.ones((len(some.rays), 1))], axis=1)
    known = np.flatnonzero(np.isfinite(some.depth))
    if len(known) < 4:
        return None
    random = np.random.default_rng(0)
    best, most = None, 0.0
    for _ in range(50):
        few = random.choice(known, 4, replace=False)
        if np.linalg.cond(built[few]) > 1e6:
            continue
        found = np.eye(4)
        found[:3] = np.linalg.solve(built[few], some.points[few]).T
        if abs(np.linalg.det(found[:3, :3])) < 1e-9:
            continue
        share = some.share_in_place(found)
        if share > most:
            best, most = found, share
    if best is None:
        return None
    agreed = some.in_place(best) & np.isfinite(some.depth)
    refined = np.eye(4)
    refined[:3] = np.linalg.lstsq(built[agreed], some.points[agreed], rcond=None)[0].T
    return refined
