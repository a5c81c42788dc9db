"""Depth from geometry that an artist placed, and what is remembered of it so that it can be taken again later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ...core.arrays import Bool, Float32
from ...core.depth.depth_facts import metres
from ...core.depth.seen_depth import seen_depth
from ...core.errors import PhotoError
from ..editing.geometry_choice import GeometryChoice, store_choice
from ..editing.new_depth import grid_rays, set_depth
from ..editing.placed_geometry import PlacedGeometry, placed_geometry
from ..editing.under_geometry import depth_under_geometry, keep_under_geometry
from ..photo_scene import PhotoScene, whole
from .match_camera import lens_by_hand, take_lens_by_hand


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
    A lens that the artist gave to the photo's camera by hand becomes the photo's first: the geometry was seen with it.

    Args:
        scene: The scene.
        photo_scene: The photo.
        depsgraph: Evaluated, of the view layer that shows the geometry.
        choice: What becomes depth.

    Raises:
        CameraError: The photo's camera is no perspective camera any more.
        PhotoError: There is no geometry, the camera sees none of it, or the mesh is in Edit Mode. Nothing has changed
            then.
    """
    if photo_scene.mesh.data.is_editmode:
        raise PhotoError("The mesh is being edited", photo_scene.mesh.name, "Leave Edit Mode first.")
    whole(photo_scene)
    geometry = placed_geometry(depsgraph, photo_scene, choice.chosen(scene))
    rays, by_hand = grid_rays(photo_scene), lens_by_hand(photo_scene)
    if by_hand is not None:
        rays = replace(rays, intrinsics=by_hand)
    seen = seen_depth(geometry.vertices, geometry.triangles, rays)
    covered = np.isfinite(seen)
    if not covered.any():
        raise _nothing_seen(geometry)
    if by_hand is not None:
        photo_scene = take_lens_by_hand(scene, photo_scene, by_hand)
    now = photo_scene.depth()
    base = depth_under_geometry(photo_scene, now)
    depth, counts = _mixed(seen, covered, base, choice)
    replaced = counts if choice.rest == "KEEP" else counts | ~covered
    where = replaced if replaced.all() else _differ(depth, now)
    changed = set_depth(scene, photo_scene, depth, where, from_scratch=bool(replaced.all()))
    store_choice(changed, replace(choice, objects=geometry.objects))
    keep_under_geometry(changed, base, replaced)
    left_out = _left_out(geometry, choice)
    words = _words(geometry, changed, float(counts.mean()), choice, left_out)
    if by_hand is not None:
        words += f" The photo has its camera's lens now: {changed.focal_source}."
    return TakenGeometry(changed, words, bool(left_out))


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


def _left_out(geometry: PlacedGeometry, choice: GeometryChoice) -> tuple[bpy.types.Object, ...]:
    """What was chosen and gives nothing. What is hidden was not chosen where all that is visible was."""
    return tuple(o for o in geometry.unseen if choice.source != "VISIBLE" or o.visible_get())


def _words(
    geometry: PlacedGeometry,
    photo_scene: PhotoScene,
    share: float,
    choice: GeometryChoice,
    left_out: Sequence[bpy.types.Object],
) -> str:
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
        *([f"Left out, hidden or without faces: {_named(left_out)}."] if left_out else []),
    ]
    return " ".join(sentences)


def _percent(share: float) -> str:
    return "less than 1 %" if 0 < share < 0.01 else f"{min(int(share * 100), 99) if share < 1 else 100} %"


def _named(objects: Sequence[bpy.types.Object]) -> str:
    some = ", ".join(subject.name for subject in objects[:3])
    return some if len(objects) <= 3 else f"{some} and {len(objects) - 3} more"
