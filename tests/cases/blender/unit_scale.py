"""Scene > Units > Unit Scale 0.01: a scene in centimetres, as for Unreal.

Situation: two points of the photo's scene are 2 m apart, and the artist types "2 m" as their true distance.
Wrong: fields of unit LENGTH are converted by Blender and the add-on does not know: everything becomes 100 times as
large, 4.83 m are 483 m for the engine.
Right: the scene keeps its metres, or a sentence names the unit scale.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from blender_addon.scene import PhotoScene, find_photo_scene
from blender_addon.shot import check_shot
from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.scenes import FIRST, LAST, scene_with_photo

CASE = INPUTS / "15-unit-scale"
UNIT_SCALE = 0.01


def check(work: Path) -> Answer:
    """Set the true distance and compare the median depth before and after."""
    scene, photo = scene_with_photo(CASE, work, saved=False)
    scene.unit_settings.system, scene.unit_settings.scale_length = "METRIC", UNIT_SCALE
    told = [problem.sentence for problem in check_shot(scene, FIRST, LAST) if "unit" in problem.sentence.lower()]
    start, end = _two_metres_apart(photo)
    before = float(np.nanmedian(photo.depth()))
    field = bpy.ops.realcam.set_scale.get_rna_type().properties["distance"]
    # What Blender makes of "2 m" typed into that field.
    typed = 2 / scene.unit_settings.scale_length if field.unit == "LENGTH" else 2.0
    try:
        bpy.ops.realcam.set_scale(source="POINTS", start=start, end=end, distance=typed)
    except RuntimeError as error:
        return Answer("unit" in str(error).lower(), str(error))
    rescaled = find_photo_scene(scene)
    assert rescaled is not None
    after = float(np.nanmedian(rescaled.depth()))
    shown = bpy.utils.units.to_string("METRIC", "LENGTH", photo.mesh.dimensions[0] * UNIT_SCALE)
    return Answer(
        bool(told) or abs(after / before - 1) < 0.02,
        f"told {told or 'nothing'}; median depth {before:.2f} m before, {after:.2f} m after typing the true distance; "
        f"Blender shows the 5.2 m wide mesh after it as {shown}",
    )


def _two_metres_apart(photo: PhotoScene) -> tuple[Vector, Vector]:
    """The place of the photo's camera, and a point 2 m in front of it, in the world's units."""
    units = np.median([-vertex.co.z for vertex in photo.mesh.data.vertices])
    a_metre = units / np.nanmedian(photo.depth())
    start, end = (photo.mesh.matrix_world @ Vector((0, 0, -metres * a_metre)) for metres in (0, 2))
    return start, end


if __name__ == "__main__":
    judge(check)
