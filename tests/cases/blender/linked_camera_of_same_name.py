"""The active camera is linked from a library and has the name of a camera of this file.

Situation: a new file's "Camera" stands still; the layout's "Camera", linked and made active, moves from x 0.3 m to 0.5.
Wrong: the local one is sampled and sent, since cameras are looked up by name; nothing is said.
Right: the active camera is sent.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.scenes import ask_draft, moving_camera, scene_with_photo, sent_x

CASE = INPUTS / "04-linked-camera-same-name"


def check(work: Path) -> Answer:
    """Compare the camera that would be sent with the active one."""
    scene, _ = scene_with_photo(CASE, work)
    theirs = moving_camera(scene, "Camera", 0.3, 0.5)
    library = str(work / "layout.blend")
    bpy.data.libraries.write(library, {theirs}, fake_user=True)
    bpy.data.objects.remove(theirs)
    moving_camera(scene, "Camera", 0.0, 0.0)
    with bpy.data.libraries.load(library, link=True) as (_, linking):
        linking.objects = ["Camera"]
    linked = linking.objects[0]
    scene.collection.objects.link(linked)
    scene.camera = linked
    bpy.context.view_layer.update()
    ask_draft(scene)
    x = sent_x(scene)
    return Answer(
        abs(x[0] - 0.3) < 0.01 and abs(x[-1] - 0.5) < 0.01,
        f"the camera sent goes from x {x[0]} to {x[-1]}; the active one goes from 0.3 to 0.5",
    )


if __name__ == "__main__":
    judge(check)
