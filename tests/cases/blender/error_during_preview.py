"""An error that nobody foresaw while the preview renders, and Generate pressed again.

Situation: rendering a frame raises TypeError once (another add-on's render handler may do that).
Wrong: the job stays under way for ever: Generate says "wait until it is done, or cancel it".
Right: the job ends, and Generate makes the clip when it is pressed again.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

import bpy

from blender_addon.generation.jobs import jobs
from blender_addon.shot.preview import PreviewRenderer
from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.product import server_for_addon
from tests.cases.scenes import ask_draft, moving_camera, scene_with_photo

CASE = INPUTS / "13-panel-stays-busy"


def check(work: Path) -> Answer:
    """Generate with a preview that breaks, then with one that does not."""
    with server_for_addon(work / "server"):
        scene, _ = scene_with_photo(CASE, work)
        scene.camera = moving_camera(scene, "C", 0, 0.1)
        ask_draft(scene)
        bpy.ops.wm.save_mainfile()
        with patch.object(PreviewRenderer, "render", _broken), suppress(RuntimeError):
            bpy.ops.realcam.generate()
        busy = jobs.busy
        try:
            again = str(bpy.ops.realcam.generate())
        except RuntimeError as error:
            again = str(error).strip()[-90:]
    return Answer(not busy and "FINISHED" in again, f"busy after the error: {busy}; Generate again: {again}")


def _broken(_renderer: PreviewRenderer, _index: int) -> NoReturn:
    raise TypeError("made up for this check")


if __name__ == "__main__":
    judge(check)
