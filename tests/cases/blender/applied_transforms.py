"""Object > Apply > Rotation, and Object > Set Origin > Origin to Geometry, on the photo's mesh.

Situation: either is applied to the mesh; nothing moves in the view.
Wrong: the mesh's axes were taken for the photo camera's. Rotation applied: depth -0.00 m, the camera turned by 90
degrees. Origin set: depth 0.17 m for 4.83 m, the camera 4.66 m off, and no word.
Right: the shot stays the shot it was, or a sentence says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.errors import RealCamError
from blender_addon.generation.shot_job import scene_and_photo
from blender_addon.shot import check_shot
from blender_addon.ui.shot.requests import shot_request
from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.scenes import (
    FIRST,
    LAST,
    ask_draft,
    import_copied_photo,
    moving_camera,
    scene_with_photo,
    sent_trajectory,
)

CASE = INPUTS / "17-applied-transforms"


def check(work: Path) -> Answer:
    """Try both on a freshly imported photo."""
    scene, _ = scene_with_photo(CASE, work)
    answers = [
        _after("Apply Rotation", _apply_rotation, scene, work),
        _after("Origin to Geometry", _origin_to_geometry, scene, work),
    ]
    return Answer(all(answer.right for answer in answers), "; ".join(answer.said for answer in answers))


def _apply_rotation() -> None:
    bpy.ops.object.transform_apply(location=False, rotation=True, scale=False)


def _origin_to_geometry() -> None:
    bpy.ops.object.origin_set(type="ORIGIN_GEOMETRY")


def _after(name: str, edit: Callable[[], None], scene: bpy.types.Scene, work: Path) -> Answer:
    """What becomes of the shot by an edit of the photo's mesh."""
    for other in list(scene.objects):
        bpy.data.objects.remove(other)
    photo = import_copied_photo(scene, work)
    scene.camera = moving_camera(scene, "C", 0, 0.2)
    ask_draft(scene)
    bpy.context.view_layer.update()
    depth, poses = _shot(scene)
    bpy.ops.object.select_all(action="DESELECT")
    photo.mesh.select_set(True)
    bpy.context.view_layer.objects.active = photo.mesh
    edit()
    bpy.context.view_layer.update()
    told = [problem.sentence for problem in check_shot(scene, FIRST, LAST)]
    try:
        now, moved = _shot(scene)
    except RealCamError as error:
        return Answer(True, f"{name}: {type(error).__name__} {error}")
    off = float(np.abs(moved - poses).max())
    return Answer(
        bool(told) or (abs(now / depth - 1) < 0.01 and off < 0.01),
        f"{name}: median depth {depth:.2f} m -> {now:.2f} m, the camera's pose changes by {off:.2f}, "
        f"told {told or 'nothing'}",
    )


def _shot(scene: bpy.types.Scene) -> tuple[float, Float64]:
    """The median depth in metres and the poses [F, 4, 4] that would be sent."""
    _, photo = scene_and_photo(shot_request(scene))
    return float(np.nanmedian(photo.depth())), sent_trajectory(scene).camera_to_world


if __name__ == "__main__":
    judge(check)
