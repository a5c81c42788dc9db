"""The engine `realcam` in Blender's window, with a picture of every stop: a clip, the same once more, one cancelled.

    REALCAM_RANDOM_WEIGHTS=tiny python tests/window/run_walk.py tests/window/walk_realcam.py

with a Python that has the server's extra `models`. On a server where the engine cannot run, the walk ends at what the
panel says of it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from stage import (
    HERE,
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


def walk() -> Steps:
    install()
    yield from open_sidebar()
    yield from import_bike("realcam.blend")
    bpy.ops.realcam.add_move(move="truck", distance=0.3)
    yield 0.5
    bpy.ops.realcam.connect()
    yield 3.0
    shot = bpy.context.scene.realcam
    shot.preview_method = "WORKBENCH"
    shot.engine, shot.show_options = "realcam", True
    engine = of_addon("generation.jobs").jobs.engine("realcam")
    yield 1.0
    picture("realcam-1-engine")
    scroll_down()
    yield 1.0
    picture("realcam-2-options")
    if engine.unavailable:
        report({"unavailable": engine.unavailable})
        return
    shot.prompt = "a motorcycle in a garage"
    shot.clip_width, shot.clip_height = 192, 128
    shot.show_options = False
    of_addon("ui.engine_options").hold(shot, {"guidance": 1.0, "steps": 8})
    for _ in range(2):
        in_view("generate")
        yield from until_placed()
    scroll_down()
    yield 1.0
    picture("realcam-5-takes")
    of_addon("ui.engine_options").hold(shot, {"steps": 80})
    in_view("generate")
    yield from until_step(3)
    picture("realcam-5b-in-place-of-generate")
    print("cancel asked for after step", of_addon("generation.jobs").jobs.view.done, flush=True)
    bpy.ops.realcam.cancel()
    yield 2.0
    scroll_up()
    yield 2.0
    picture("realcam-6-cancelled")
    clips = sorted(HERE.glob("realcam/*/take_*/clip.mp4"))
    report(
        {
            "clips": {clip.parent.name: hashlib.sha256(clip.read_bytes()).hexdigest() for clip in clips},
            "metadata": json.loads((clips[0].parent / "metadata.json").read_text()),
        }
    )


def until_step(step: int) -> Steps:
    """Until so many sampling steps are done."""
    jobs = of_addon("generation.jobs").jobs
    while jobs.view is None or not jobs.view.jpeg or jobs.view.done < step:
        assert jobs.busy, "the job ended before"
        yield 0.1


def until_placed() -> Steps:
    """Until the clip is on the timeline, with a picture of sampling on the way."""
    takes = bpy.context.scene.realcam.takes
    before = len(takes)
    yield from until_step(4)
    scroll_up()
    yield 1.0
    picture(f"realcam-{3 + before}-sampling")
    scroll_down()
    yield 1.0
    while len(takes) == before:
        yield 0.3
    yield 1.0


run(walk())
