"""A server whose first start takes minutes, as the panel and the preferences show it; a card that it cannot use.

    python tests/window/run_walk.py tests/window/walk_first_start.py --zip-alone

Runs inside Blender.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import bpy
import msgspec

sys.path.insert(0, str(Path(__file__).parent))
from stage import Steps, in_view, install, of_addon, open_sidebar, picture, report, run, scroll_down

NOTICE = (
    "NVIDIA card found, but this PyTorch was built without CUDA and computes on the processor, many times slower: "
    'run `uv tool install --reinstall --torch-backend auto "realcam[models] @ file:///C:/realcam.whl"`'
)
"""As server/engines/graphics_card.py says it on Windows."""
DOWNLOADS = "echo 'Downloading torch (2.1GiB)'; exec cat"


def walk() -> Steps:
    install()
    yield from open_sidebar()
    in_view("try_demo")
    yield 3.0
    addon = next(addon for name, addon in bpy.context.preferences.addons.items() if name.endswith(".realcam"))
    addon.preferences.server_place = "COMMAND"
    addon.preferences.server_command = f"sh -c {shlex.quote(DOWNLOADS)}"
    jobs = of_addon("generation.jobs").jobs
    scroll_down()
    in_view("generate")
    yield 5.0
    line, stage = jobs.view.line, jobs.view.stage
    picture("start-1-generate")
    bpy.ops.realcam.cancel()
    jobs.dismiss()
    jobs.engines = (msgspec.structs.replace(jobs.engines[0], notice=NOTICE),)
    yield 2.0
    scroll_down()
    yield 1.0
    picture("start-2-card")
    in_view("connect")
    while not jobs.starting:
        yield 0.2
    asked = jobs.starting
    picture("start-3-asked")
    bpy.ops.preferences.addon_show(module=addon.module)
    yield 2.0
    picture("start-4-preferences")
    bpy.ops.realcam.cancel()
    yield 2.0
    cancelled = jobs.starting
    report({"asked": asked, "cancelled": cancelled, "line": line, "stage": stage})


run(walk())
