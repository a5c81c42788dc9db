"""A walk through the add-on in Blender's real window, as an artist would take it, with a picture of every stop.

Not part of the suite: it needs a screen. `run_walk.py` prepares it and starts it:

    python tests/window/run_walk.py            then look at .shots/walk-*.png

Runs inside Blender (`--python walk.py`). Each step is a generator's slice on a timer: the window redraws in between.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from stage import (
    Steps,
    import_bike,
    in_view,
    install,
    of_addon,
    open_sidebar,
    picture,
    region_of,
    report,
    run,
    scroll_down,
    until_operators_end,
    view_area,
)


def walk() -> Steps:
    install()
    yield from open_sidebar()
    picture("walk-1-fresh")
    yield from import_bike("walk.blend")
    scene = bpy.context.scene
    view_area().spaces.active.region_3d.view_perspective = "CAMERA"
    yield 1.5
    picture("walk-2-imported")
    area = view_area()
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region_of(area, "WINDOW")):
        bpy.ops.realcam.add_move("EXEC_DEFAULT", move="push_in", distance=0.6, angle=math.radians(12), pivot=2.75)
    yield 1.0
    picture("walk-3-moved")
    scene.realcam.preview_method = "WORKBENCH"
    in_view("preview")
    yield 1.0
    picture("walk-4-preview")
    yield from until_operators_end()
    yield 1.0
    picture("walk-5-coverage")
    in_view("generate")
    yield from until_placed(scene)
    yield 1.5
    picture("walk-7-done")
    scroll_down()
    yield 1.0
    picture("walk-8-takes")
    yield from sequencer(scene)


def until_placed(scene: bpy.types.Scene) -> Steps:
    """A picture of each phase the panel goes through, until the take is in the list."""
    jobs = of_addon("generation.jobs").jobs
    seen: set[str] = set()
    for _ in range(600):
        yield 0.3
        view = jobs.view
        name = "" if view is None else view.phase.name.lower() + ("-picture" if view.jpeg else "")
        if name and name not in seen and (view.done or not view.total):
            seen.add(name)
            yield 0.2
            picture(f"walk-6-{name}")
        if len(scene.realcam.takes):
            return


def sequencer(scene: bpy.types.Scene) -> Steps:
    """The clip where the artist meets it: the Video Editing workspace's editors in this window."""
    scene.frame_set(24)
    area = view_area()
    area.type = "SEQUENCE_EDITOR"
    area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    yield 2.0
    for kind in ("WINDOW", "PREVIEW"):
        with bpy.context.temp_override(window=bpy.context.window, area=area, region=region_of(area, kind)):
            (bpy.ops.sequencer.view_all if kind == "WINDOW" else bpy.ops.sequencer.view_all_preview)()
    yield 2.0
    picture("walk-9-timeline")
    report(
        {
            "strips": [strip.name for strip in scene.sequence_editor.strips],
            "takes": [take.name for take in scene.realcam.takes],
        }
    )


run(walk())
