"""A photo's depth laid out by hand: stored as JSON on the photo, and the mesh that is built of it.

Lengths in the stored layout are in metres before calibration, as every depth that was imported; the mesh has the
calibration in it. A depth that the photo had before stays in a mesh of its own, so that the layout is mixed with it
each time anew and can be taken away again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import bpy
import numpy as np
from msgspec import structs

from ...core.arrays import Float32
from ...core.depth.cleaning.upsample import shrunk
from ...core.depth.depth_facts import depth_facts
from ...core.depth.depth_mesh import MAX_VERTICES, DepthMesh, depth_mesh, lift
from ...core.depth.layout.ground_plane import down_vector, point_on_floor
from ...core.depth.layout.layout import CutOut, DepthLayout, Mask, layout_json, layout_of
from ...core.depth.layout.layout_depth import layout_depth
from ...core.depth.layout.layout_edits import scaled_layout
from ...core.depth.layout.outline_fit import fitted_region
from ...core.depth.layout.region import cut_out_pixels, foot_of
from ...core.depth.photo_checks import check_depth, check_faces
from ...core.errors import PhotoError
from ..axes import blender_points, depth_of
from ..mesh import fill_mesh, grid_depth, read_vertices, rebuild_mesh
from ..photo_scene import RECORD, PhotoScene, Record, editable, record_of, store_record
from .overlay import hide_cleaning
from .rig_dependencies import let_cameras_see
from .under_geometry import forget_under_geometry

LAYOUT = "realcam_layout"
"""Custom property of the mesh object: a DepthLayout as JSON, its lengths in metres before calibration."""
GRID = "realcam_layout_grid"
"""Custom property of the mesh object: (columns, rows) of the mesh when it is not being dragged."""
BEFORE = "realcam_depth_before_layout"
"""Custom property of the mesh object: the mesh with the depth that the photo had before, which carries its RECORD."""

WHILE_DRAGGED = 10_000
"""Vertices at most of a mesh that follows the mouse."""
DEPTH_EDGE = 0.1
"""Relative jump of depth at which a laid-out mesh is cut at least: a floor has such jumps close below the horizon."""


def stored_layout(photo_scene: PhotoScene) -> DepthLayout | None:
    """The layout of a photo, its lengths in metres before calibration; None when it has none.

    Raises:
        PhotoError: It was stored by a newer version.
    """
    stored = photo_scene.mesh.get(LAYOUT)
    return _layout_of(stored) if isinstance(stored, str) else None


@lru_cache(maxsize=8)
def _layout_of(stored: str) -> DepthLayout:
    return layout_of(stored)


def layout_size(photo_size: tuple[int, int], max_vertices: int = MAX_VERTICES) -> tuple[int, int]:
    """(width, height) of a laid-out depth: the photo's, or smaller in its shape so as to have few enough pixels."""
    width, height = photo_size
    shrink = min(1.0, math.sqrt(max_vertices / (width * height)))
    return max(math.floor(width * shrink), 2), max(math.floor(height * shrink), 2)


def keep_layout(mesh: bpy.types.Object, layout: DepthLayout, size: tuple[int, int]) -> None:
    """Store a layout on a photo whose mesh was built of it.

    Args:
        mesh: The photo's mesh object.
        layout: Its lengths in metres before calibration.
        size: (columns, rows) of the mesh.
    """
    mesh[LAYOUT] = layout_json(layout).decode()
    mesh[GRID] = size


def set_layout(
    scene: bpy.types.Scene, photo_scene: PhotoScene, layout: DepthLayout, *, is_dragged: bool = False
) -> PhotoScene:
    """Build the photo's mesh of a layout and store it. The depth that the photo has without one is kept.

    Cleaning, and geometry that was taken, are forgotten: they were of another depth. Cameras and the scale stay as they
    are.

    Args:
        scene: The scene; its cameras shall see as far as the depth reaches.
        photo_scene: The photo.
        layout: Its lengths in metres before calibration.
        is_dragged: Build it coarsely, to follow the mouse.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: The layout is none of this photo, makes no surface, or the mesh is in Edit Mode or linked.
            Nothing has changed then.
    """
    mesh, record = photo_scene.mesh, photo_scene.record
    if mesh.data.is_editmode:
        raise PhotoError("The mesh is being edited", mesh.name, "Leave Edit Mode to change ground and walls.")
    editable(photo_scene)
    is_first = LAYOUT not in mesh
    base = photo_scene.depth() / np.float32(record.scale) if is_first else _depth_before(mesh)
    full = (record.columns, record.rows) if is_first else _full_size(photo_scene)
    size = layout_size(full, WHILE_DRAGGED) if is_dragged else full
    edge = record.depth_edge * max(full[0] / size[0], 1.0)
    if is_first:
        record = _in_own_metres(record, layout)
    depth = layout_depth(layout, size, photo_scene.intrinsics, photo_scene.photo_size, base)
    built = _built(depth, replace(photo_scene, record=record), edge)
    if is_first:
        _keep_depth(photo_scene)
    hide_cleaning(photo_scene)
    forget_under_geometry(mesh)
    if mesh.data.shape_keys is not None:
        mesh.shape_key_clear()
    mesh.data.clear_geometry()
    fill_mesh(mesh.data, built)
    keep_layout(mesh, layout, full)
    changed = replace(record, rows=size[1], columns=size[0], stride=1, cleaned=0, facts=depth_facts(depth))
    store_record(mesh, changed)
    let_cameras_see(scene, photo_scene, float(np.nanmax(built.grid.depth)))
    return replace(photo_scene, record=changed)


def remove_layout(photo_scene: PhotoScene) -> PhotoScene:
    """Give the photo the depth back that it had before it was laid out, its cleaning included.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: It had none, or the mesh is in Edit Mode or linked. Nothing has changed then.
    """
    mesh = photo_scene.mesh
    before = mesh.get(BEFORE)
    if not isinstance(before, bpy.types.Mesh):
        raise PhotoError(
            "The photo has no other depth", mesh.name, "Remove walls and cut-outs one by one, or import another depth."
        )
    if mesh.data.is_editmode:
        raise PhotoError("The mesh is being edited", mesh.name, "Leave Edit Mode to change ground and walls.")
    was, record = record_of(before), editable(photo_scene).record
    vertices = read_vertices(before)
    uv = np.stack([vertices.picture[:, 0], 1 - vertices.picture[:, 1]], axis=1).astype(np.float64)
    depth = depth_of(vertices.positions) * np.float32(record.scale / was.scale)
    points = lift(uv, depth, photo_scene.intrinsics, photo_scene.photo_size).astype(np.float32)
    hide_cleaning(photo_scene)
    forget_under_geometry(mesh)
    if mesh.data.shape_keys is not None:
        mesh.shape_key_clear()
    rebuild_mesh(
        mesh.data,
        replace(vertices, positions=blender_points(points)),
        (was.rows, was.columns),
        record.depth_edge,
        was.cleaned,
    )
    changed = replace(
        record,
        rows=was.rows,
        columns=was.columns,
        stride=was.stride,
        cleaned=was.cleaned,
        facts=was.facts,
        numbers=was.numbers,
        law=was.law,
    )
    store_record(mesh, changed)
    for name in (LAYOUT, GRID, BEFORE):
        del mesh[name]
    if before.users == 0:
        # A duplicate of the photo's mesh keeps it too.
        bpy.data.meshes.remove(before)
    return replace(photo_scene, record=changed)


def has_other_depth(photo_scene: PhotoScene) -> bool:
    """Whether the photo has a depth that its layout is mixed with."""
    return isinstance(photo_scene.mesh.get(BEFORE), bpy.types.Mesh)


def layout_in_metres(photo_scene: PhotoScene) -> DepthLayout | None:
    """The layout of a photo in metres as the scene has them, calibration included; None when it has none.

    Raises:
        PhotoError: It was stored by a newer version.
    """
    layout = stored_layout(photo_scene)
    return None if layout is None else scaled_layout(layout, photo_scene.record.scale)


def lay_out(
    scene: bpy.types.Scene, photo_scene: PhotoScene, layout: DepthLayout, *, is_dragged: bool = False
) -> PhotoScene:
    """`set_layout` of a layout in metres as the scene has them; arguments, result and errors are the same."""
    return set_layout(scene, photo_scene, scaled_layout(layout, 1 / photo_scene.record.scale), is_dragged=is_dragged)


def layout_to_edit(photo_scene: PhotoScene) -> DepthLayout:
    """The layout in metres that walls and cut-outs are added to; a new one leaves the photo's depth as it is."""
    return layout_in_metres(photo_scene) or DepthLayout(ground=None, farthest=None)


def standing(photo_scene: PhotoScene, cut_out: CutOut, layout: DepthLayout) -> CutOut:
    """The cut-out, at the distance that the photo's own depth has at its foot where the layout has no ground.

    Args:
        photo_scene: The photo.
        cut_out: In metres.
        layout: That it belongs to.

    Raises:
        PhotoError: Neither a ground nor a depth tells where it stands.
    """
    if layout.ground is not None or cut_out.distance is not None:
        return cut_out
    before = _depth_before(photo_scene.mesh)
    depth = photo_scene.depth() if before is None else before * np.float32(photo_scene.record.scale)
    x, y = foot_of(cut_out)
    rows, columns = depth.shape
    row, column = int(np.clip(y * rows, 0, rows - 1)), int(np.clip(x * columns, 0, columns - 1))
    reach = max(rows // 100, 1)
    beside = depth[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
    if not np.isfinite(beside).any():
        raise PhotoError(
            "The cut-out stands nowhere",
            f"there is no ground, and no depth {y:.0%} down the photo",
            "Give its distance, or add Ground and Walls first.",
        )
    return structs.replace(cut_out, distance=float(np.nanmedian(beside)))


def is_as_laid_out(photo_scene: PhotoScene) -> bool:
    """Whether the mesh has the depth that its layout says: nothing was cleaned, moved or taken from elsewhere since.

    Raises:
        PhotoError: The mesh has lost what it was made of, or the layout was stored by a newer version.
    """
    layout = stored_layout(photo_scene)
    if layout is None or photo_scene.record.cleaned:
        return False
    depth = photo_scene.depth() / np.float32(photo_scene.record.scale)
    size = (depth.shape[1], depth.shape[0])
    base = _depth_before(photo_scene.mesh)
    laid_out = layout_depth(layout, size, photo_scene.intrinsics, photo_scene.photo_size, base)
    return bool(np.allclose(depth, laid_out, rtol=1e-4, equal_nan=True))


def is_whole(photo_scene: PhotoScene) -> bool:
    """Whether a laid-out photo's mesh has all its vertices: it follows no mouse at present."""
    return LAYOUT not in photo_scene.mesh or _full_size(photo_scene) == (
        photo_scene.record.columns,
        photo_scene.record.rows,
    )


def distances(photo_scene: PhotoScene, layout: DepthLayout) -> list[float]:
    """Metres along the viewing axis from the camera to the foot of each cut-out of a layout in metres."""
    found = []
    for cut_out in layout.cut_outs:
        distance = cut_out.distance
        if distance is None and layout.ground is not None:
            width, height = photo_scene.photo_size
            down = down_vector(layout.ground.horizon, photo_scene.intrinsics, photo_scene.photo_size)
            x, y = foot_of(cut_out)
            above = layout.ground.camera_height - cut_out.height
            foot = point_on_floor((x * width, y * height), down, above, photo_scene.intrinsics)
            distance = float(foot[2])
        found.append(distance if distance is not None else math.nan)
    return found


def fitted_cut_out(photo_scene: PhotoScene, cut_out: CutOut) -> CutOut:
    """The cut-out as a mask whose outline is where the photo has its edges, near where it was drawn.

    Raises:
        PhotoError: The photo's file is gone.
    """
    photo = photo_scene.photo()
    size = layout_size((photo.shape[1], photo.shape[0]))
    region = fitted_region(cut_out_pixels(cut_out, size), shrunk(photo, size))
    return structs.replace(cut_out, outline=(), mask=Mask.of(region))


def _in_own_metres(record: Record, layout: DepthLayout) -> Record:
    """The record of a photo that is laid out for the first time: its depth is in the metres that it has by now.

    A calibrated depth, or a ground, tells metres; cut-outs in a relative depth stay a guess, as that is.
    """
    tells_metres = record.law is not None or (layout.ground is not None and layout.mixing != "fill")
    return replace(record, law=None, numbers="metric" if tells_metres else record.numbers)


def _built(depth: Float32, photo_scene: PhotoScene, depth_edge: float) -> DepthMesh:
    check_depth(depth)
    scaled = depth * np.float32(photo_scene.record.scale)
    built = depth_mesh(scaled, photo_scene.intrinsics, photo_scene.photo_size, depth_edge, depth.size)
    check_faces(built)
    return built


def _full_size(photo_scene: PhotoScene) -> tuple[int, int]:
    stored: Sequence[int] = photo_scene.mesh[GRID]
    return int(stored[0]), int(stored[1])


def _depth_before(mesh: bpy.types.Object) -> Float32 | None:
    """[rows, columns] float32 metres before calibration of the depth the photo had before; None when it had none."""
    before = mesh.get(BEFORE)
    return _kept_depth(before.session_uid, before) if isinstance(before, bpy.types.Mesh) else None


_last_kept: dict[int, Float32] = {}
"""The depth that was read last, by its mesh's session_uid: reading it takes longer than a mouse move may."""


def _kept_depth(uid: int, before: bpy.types.Mesh) -> Float32:
    if uid not in _last_kept:
        was = record_of(before)
        _last_kept.clear()
        _last_kept[uid] = grid_depth(before, was.rows, was.columns, was.cleaned) / np.float32(was.scale)
    return _last_kept[uid]


def _keep_depth(photo_scene: PhotoScene) -> None:
    before = photo_scene.mesh.data.copy()
    before.name = f"{photo_scene.mesh.name} before layout"
    before[RECORD] = photo_scene.mesh[RECORD]
    photo_scene.mesh[BEFORE] = before
