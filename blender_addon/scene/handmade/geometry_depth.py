"""Depth from geometry that an artist placed, and what is remembered of it so that it can be taken again later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ...core.arrays import Bool, Float32, Float64
from ...core.depth.depth_facts import metres
from ...core.depth.seen_depth import seen_depth
from ...core.errors import PhotoError
from ..editing.geometry_choice import GeometryChoice, store_choice
from ..editing.new_depth import grid_rays, set_depth
from ..editing.placed_geometry import PlacedGeometry, placed_geometry
from ..mesh import PIXEL
from ..photo_scene import PhotoScene

UNDER = "realcam_under_geometry"
"""Custom property of the mesh object: a mesh with a point for each pixel whose depth geometry took the place of, and as
attributes its PIXEL and DEPTH; its custom property GRID is the (rows, columns) that the pixels count.
"""
GRID = "grid"
DEPTH = "depth"
"""Attribute of those points: the depth before, in metres of the imported depth; 0 where it was unknown."""


@dataclass(frozen=True)
class TakenGeometry:
    """What became of it.

    Attributes:
        photo_scene: The photo with its changed record.
        words: What an artist is told.
        warning: Whether that holds something to mend.
    """

    photo_scene: PhotoScene
    words: str
    warning: bool


def take_geometry(
    scene: bpy.types.Scene, photo_scene: PhotoScene, depsgraph: bpy.types.Depsgraph, choice: GeometryChoice
) -> TakenGeometry:
    """Make the geometry that the photo's camera sees its depth, and remember what was chosen.

    Taken again, it begins from the depth that was there the first time, so that what has moved away leaves nothing.

    Args:
        scene: The scene.
        photo_scene: The photo.
        depsgraph: Evaluated, of the view layer that shows the geometry.
        choice: What becomes depth.

    Raises:
        PhotoError: There is no geometry, the camera sees none of it, or the mesh is in Edit Mode. Nothing has changed
            then.
    """
    if photo_scene.mesh.data.is_editmode:
        raise PhotoError("The mesh is being edited", photo_scene.mesh.name, "Leave Edit Mode first.")
    geometry = placed_geometry(depsgraph, photo_scene, choice.chosen(scene))
    seen = seen_depth(geometry.vertices, geometry.triangles, grid_rays(photo_scene))
    covered = np.isfinite(seen)
    if not covered.any():
        raise _nothing_seen(geometry)
    now = photo_scene.depth()
    base = _depth_under_geometry(photo_scene, now)
    depth, counts = _mixed(seen, covered, base, choice)
    replaced = counts if choice.rest == "KEEP" else counts | ~covered
    where = replaced if replaced.all() else _differ(depth, now)
    changed = set_depth(scene, photo_scene, depth, where, from_scratch=bool(replaced.all()))
    store_choice(changed, replace(choice, objects=geometry.objects))
    _keep_under_geometry(changed, base, replaced)
    words = _words(geometry, changed, float(counts.mean()), choice)
    return TakenGeometry(changed, words, bool(geometry.unseen))


def forget_under_geometry(mesh: bpy.types.Object) -> None:
    """Forget what geometry took the place of: the photo's depth was made in another way since.

    Args:
        mesh: The photo's mesh object.
    """
    under = mesh.get(UNDER)
    if under is None:
        return
    del mesh[UNDER]
    if under.users == 0:
        bpy.data.meshes.remove(under)


def map_under_geometry(mesh: bpy.types.Object, calibrated: Callable[[Float32], Float64]) -> None:
    """Calibrate what geometry took the place of, with the photo's depth.

    Args:
        mesh: The photo's mesh object.
        calibrated: Metres of the imported depth to the metres that they are from now on.
    """
    under = mesh.get(UNDER)
    if not isinstance(under, bpy.types.Mesh):
        return
    depth = np.empty(len(under.vertices), np.float32)
    under.attributes[DEPTH].data.foreach_get("value", depth)
    known = depth > 0
    depth[known] = calibrated(depth[known])
    under.attributes[DEPTH].data.foreach_set("value", depth)


def _keep_under_geometry(photo_scene: PhotoScene, base: Float32, replaced: Bool) -> None:
    """Keep the depth [R, C] of the pixels `replaced`."""
    forget_under_geometry(photo_scene.mesh)
    pixels = np.flatnonzero(replaced).astype(np.int32)
    under = bpy.data.meshes.new(f"{photo_scene.mesh.name} under geometry")
    under.vertices.add(len(pixels))
    under.attributes.new(PIXEL, "INT", "POINT").data.foreach_set("value", pixels)
    depth = np.nan_to_num(base.ravel()[pixels] / np.float32(photo_scene.record.scale), nan=0.0)
    under.attributes.new(DEPTH, "FLOAT", "POINT").data.foreach_set("value", depth.astype(np.float32))
    under[GRID] = replaced.shape
    photo_scene.mesh[UNDER] = under


def _depth_under_geometry(photo_scene: PhotoScene, now: Float32) -> Float32:
    """The photo's depth [R, C] as it is now, but for what geometry gave it: there, what it was before."""
    under = photo_scene.mesh.get(UNDER)
    if not isinstance(under, bpy.types.Mesh) or tuple(under[GRID]) != now.shape:
        # None, or another tool has given the photo another grid since, and so another depth.
        return now
    pixels, depth = np.empty(len(under.vertices), np.int32), np.empty(len(under.vertices), np.float32)
    under.attributes[PIXEL].data.foreach_get("value", pixels)
    under.attributes[DEPTH].data.foreach_get("value", depth)
    result = now.copy()
    result.flat[pixels] = np.where(depth > 0, depth * np.float32(photo_scene.record.scale), np.float32(np.nan))
    return result


def _mixed(seen: Float32, covered: Bool, base: Float32, choice: GeometryChoice) -> tuple[Float32, Bool]:
    """[R, C] float32 metres, and [R, C] bool, where they are the geometry's."""
    rest = base if choice.rest == "KEEP" else np.full_like(base, np.nan)
    if choice.rest == "DISTANCE":
        rest = np.full_like(base, choice.distance)
    with np.errstate(invalid="ignore"):
        counts = covered & ~(base < seen) if choice.nearer_only else covered
    if choice.nearer_only:
        rest = np.where(covered, base, rest)
    return np.where(counts, seen, rest).astype(np.float32), counts


def _differ(depth: Float32, other: Float32) -> Bool:
    """[R, C] bool, where two depths differ by more than rounding."""
    return ~np.isclose(depth, other, rtol=1e-5, atol=0, equal_nan=True)


def _nothing_seen(geometry: PlacedGeometry) -> PhotoError:
    if not len(geometry.triangles):
        return PhotoError(
            "The geometry has no faces to see",
            f"{_named(geometry.unseen)}: hidden, or without a face",
            "Show them (Alt+H), or give them faces: points and edges alone cover nothing.",
        )
    if geometry.is_behind:
        return PhotoError(
            "The geometry stands behind the photo's camera",
            f"none of {_named(geometry.objects)} is in front of it",
            "Look through the photo's camera (Numpad 0) and move it into the picture.",
        )
    return PhotoError(
        "The photo's camera does not see the geometry",
        f"{_named(geometry.objects)}: beside the picture",
        "Look through the photo's camera (Numpad 0) and move it into the picture.",
    )


def _words(geometry: PlacedGeometry, photo_scene: PhotoScene, share: float, choice: GeometryChoice) -> str:
    count = len(geometry.objects)
    who = geometry.objects[0].name if count == 1 else f"{count} objects"
    covers = f"{who} {'gives' if count == 1 else 'give'} {_percent(share)} of the photo its depth"
    left = {
        "KEEP": "the rest keeps the depth it had",
        "DISTANCE": f"the rest is at {metres(choice.distance)} m",
        "UNKNOWN": "the rest has none",
    }[choice.rest]
    facts = photo_scene.facts
    sentences = [
        f"{covers}{'' if share == 1 else f'; {left}'}.",
        *([] if facts is None else [f"Now {facts.reach}."]),
        *([f"Left out, hidden or without faces: {_named(geometry.unseen)}."] if geometry.unseen else []),
    ]
    return " ".join(sentences)


def _percent(share: float) -> str:
    return "less than 1 %" if 0 < share < 0.01 else f"{min(int(share * 100), 99) if share < 1 else 100} %"


def _named(objects: Sequence[bpy.types.Object]) -> str:
    some = ", ".join(subject.name for subject in objects[:3])
    return some if len(objects) <= 3 else f"{some} and {len(objects) - 3} more"
