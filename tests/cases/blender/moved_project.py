"""Photo and .blend in one folder, which is moved (to another disk, to a colleague).

Situation: the file is saved, the photo beside it imported, the file saved again; the folder is moved and the file
opened there. Preferences > Relative Paths is on, as by default.
Wrong: the photo is looked for in the old place, so there is no preview and no clip.
Right: the photo is found beside the .blend.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy

from blender_addon.core.errors import RealCamError
from blender_addon.scene import find_photo_scene
from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.scenes import scene_with_photo

CASE = INPUTS / "11-moved-project"


def check(work: Path) -> Answer:
    """Read the photo of the moved file."""
    before, after = work / "before", work / "moved"
    before.mkdir()
    scene_with_photo(CASE, before)
    bpy.ops.wm.save_mainfile()
    shutil.move(before, after)
    bpy.ops.wm.open_mainfile(filepath=str(after / "shot.blend"))
    photo = find_photo_scene(bpy.context.scene)
    if photo is None:
        return Answer(False, "the moved file has no photo")
    try:
        height, width = photo.photo().shape[:2]
    except RealCamError as error:
        return Answer(False, str(error).replace(str(before), "OLD PLACE"))
    return Answer(True, f"photo found, {width} x {height}")


if __name__ == "__main__":
    judge(check)
