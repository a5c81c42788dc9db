"""The camera hangs on a falling rigid body, and nothing of the simulation is cached: the file was just opened.

Situation: frames 1 to 49; a render steps through every frame and sees the camera fall by 0.98 m.
Wrong: sampling jumps to the clip's frames, so the camera stands still in the clip; after a playback it falls.
Right: the camera sent falls as a render's does, or a sentence says that the simulation must be baked.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import bpy

from blender_addon.shot import check_shot
from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.scenes import FIRST, ask_draft, scene_with_photo, sent_trajectory

CASE = INPUTS / "18-simulated-camera"
LAST = 49


def check(work: Path) -> Answer:
    """Compare how far the camera sent falls with how far a render's does."""
    scene, _ = scene_with_photo(CASE, work)
    scene.frame_end = LAST
    rig = _falling_camera(scene)
    ask_draft(scene)
    scene.frame_set(FIRST)
    told = [problem.sentence for problem in check_shot(scene, FIRST, LAST)]
    sent = round(float(sent_trajectory(scene).centres[-1, 1]), 2)
    for frame in range(FIRST, LAST + 1):
        scene.frame_set(frame)
    rendered = round(-rig.matrix_world.translation.z, 2)
    return Answer(
        bool(told) or abs(sent - rendered) < 0.05,
        f"the camera sent falls {sent} m, a render's {rendered} m, told {told or 'nothing'}",
    )


def _falling_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """The rigid body, a box of 0.2 m, that the scene's camera is a child of."""
    camera = bpy.data.objects.new("C", bpy.data.cameras.new("C"))
    scene.collection.objects.link(camera)
    camera.rotation_euler = (math.pi / 2, 0, 0)
    box = bpy.data.meshes.new("rig")
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    box.from_pydata(list(itertools.product((-0.1, 0.1), repeat=3)), [], faces)
    rig = bpy.data.objects.new("rig", box)
    scene.collection.objects.link(rig)
    camera.parent = rig
    bpy.ops.object.select_all(action="DESELECT")
    rig.select_set(True)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.rigidbody.world_add()
    bpy.ops.rigidbody.object_add()
    scene.gravity = (0, 0, -0.5)
    scene.camera = camera
    return rig


if __name__ == "__main__":
    judge(check)
