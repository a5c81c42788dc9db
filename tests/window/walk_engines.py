"""Engines side by side in Blender's window, and one shot on two of them, with a picture of every stop.

    REALCAM_RANDOM_WEIGHTS=tiny python tests/window/run_walk.py tests/window/walk_engines.py

with a Python that has the server's extra `models`. On a server where the other engine cannot run, the walk ends at what
the panel says of it.
"""

from __future__ import annotations

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
    report,
    run,
    scroll_down,
    scroll_up,
)

SLOW = 60.0
"""Seconds that the second engine may take."""


def walk() -> Steps:
    install()
    yield from open_sidebar()
    yield from import_bike("engines.blend")
    bpy.ops.realcam.add_move(move="truck", distance=0.3)
    yield 0.5
    jobs = of_addon("generation.jobs").jobs
    shot = bpy.context.scene.realcam
    shot.preview_method = "WORKBENCH"
    shot.show_comparison, shot.show_options = True, False
    yield from at_the_bottom()
    picture("engines-1-before-a-server-was-asked")
    bpy.ops.realcam.connect()
    yield 3.0
    yield from at_the_bottom()
    picture("engines-2-compared")
    shot.prompt = "a motorcycle in a garage"
    shot.engine = "realcam"
    yield 1.0
    yield from at_the_bottom()
    picture("engines-3-another-chosen")
    engine = jobs.engine("realcam")
    if engine.unavailable:
        report({"unavailable": engine.unavailable})
        return
    shot.engine = "draft"
    shot.clip_width, shot.clip_height = 256, 256
    for name, field, value in (("steps", "int_value", 1), ("guidance", "float_value", 1.0)):
        option = shot.options.add()
        option.name = name
        setattr(option, field, value)
    bpy.ops.realcam.also_engine(engine="realcam")
    yield 1.0
    yield from at_the_bottom()
    picture("engines-4-two-ticked")
    in_view("generate")
    while not jobs.waiting:
        yield 0.1
    scroll_up()
    yield 2.0
    picture("engines-5-the-other-waits")
    while not jobs.ended_before:
        yield 0.2
    yield 3.0
    picture("engines-6-the-other-is-made")
    yield from until_ended(SLOW)
    in_view("shot_workspace")
    yield 4.0
    picture("engines-7-beside-each-other")
    strips = bpy.context.scene.sequence_editor.strips
    report({"strips": {strip.name: strip.channel for strip in strips}, "ended": jobs.view.phase.value})


def until_ended(seconds: float) -> Steps:
    """Until the job under way has ended; one that is slower than that is cancelled."""
    jobs = of_addon("generation.jobs").jobs
    while jobs.busy and seconds > 0:
        yield 0.5
        seconds -= 0.5
    if jobs.busy:
        bpy.ops.realcam.cancel()
    while jobs.busy:
        yield 0.3
    yield 1.0


def at_the_bottom() -> Steps:
    """The sidebar's end, once its panels are at rest: Blender slides them to their new places in several draws."""
    for _ in range(5):
        scroll_down()
        yield 0.7


run(walk())
