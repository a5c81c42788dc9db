"""A studio's own colour configuration (ACES): the variable OCIO names it inside every Blender.

Situation: OCIO=ocio://cg-config-latest; photo and depth are imported, Generate is pressed, the clip is laid onto the
timeline.
Wrong: each step ends in a TypeError of Python, since the colour spaces "Non-Color" and "sRGB" and the view "Standard"
are not in that configuration.
Right: the configuration's own names are used (its data role, its sRGB texture space, a view without tone mapping) and
the clip's first frame has the photo's colours.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from tests.cases.checking import INPUTS, Answer, judge
from tests.cases.product import server_for_addon

CASE = INPUTS / "01-aces-ocio"
LARGEST_ERROR = 6
"""Median difference of the first frame, of 255."""


def check(work: Path) -> Answer:
    """Generate a draft from the photo's own camera and compare its first frame with the photo."""
    with server_for_addon(work / "server"):
        # Only Blender is to see it, not the server; before Blender is loaded.
        os.environ["OCIO"] = "ocio://cg-config-latest"
        import bpy

        from tests.cases.scenes import ask_draft, scene_with_photo

        scene, photo = scene_with_photo(CASE, work)
        scene.camera = photo.camera
        ask_draft(scene)
        bpy.ops.wm.save_mainfile()
        bpy.ops.realcam.generate()
        strips = [strip.name for strip in scene.sequence_editor.strips_all]
        first = sorted((work / "realcam").glob("*/take_001/frames/0000.png"))
        got = np.asarray(Image.open(first[0]).convert("RGB").resize((320, 200)), float)
        off = np.median(np.abs(got - np.asarray(Image.open(work / "photo.png").convert("RGB"), float)))
        return Answer(
            bool(strips) and off < LARGEST_ERROR, f"strips {strips}, first frame off by {off:.1f} of 255 (median)"
        )


if __name__ == "__main__":
    judge(check)
