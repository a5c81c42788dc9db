"""A photo alone, and what the panel says of estimating its depth: without PyTorch, and with weights to download.

    python tests/window/run_walk.py tests/window/walk_estimate.py --zip-alone

Runs inside Blender. With a server that has PyTorch and no weights (one whose HF_ENDPOINT is a hub within reach), the
download is started, cancelled and taken up again.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from stage import HERE, Steps, in_view, install, of_addon, open_sidebar, picture, report, run


def walk() -> Steps:
    install()
    yield from open_sidebar()
    (HERE / "alone").mkdir()
    photo = shutil.copy(HERE / "motorcycle.png", HERE / "alone" / "lone.png")
    shot = bpy.context.scene.realcam
    shot.photo.photo_path = str(photo)
    yield 0.3
    picture("estimate-1-waits")
    jobs = of_addon("generation.jobs").jobs
    while not jobs.connected:
        yield 0.3
    yield 1.0
    picture("estimate-2-asked")
    chosen = of_addon("ui.predictors.predictor_choice").chosen_predictor(shot)
    said = {"predictor": chosen.name, "unavailable": chosen.unavailable, "install": chosen.facts.install}
    if chosen.unavailable:
        in_view("copy_command", line=chosen.facts.install)
        yield 1.0
        picture("estimate-3-copied")
        report({**said, "clipboard": bpy.context.window_manager.clipboard})
        return
    yield 1.0
    picture("estimate-3-offline")
    bpy.context.preferences.system.use_online_access = True
    yield from _downloaded(jobs)
    report({**said, "view": jobs.view.line, "error": jobs.view.error})


def _downloaded(jobs: object) -> Steps:
    in_view("estimate_depth")
    while "Downloading" not in jobs.view.line and not jobs.view.phase.final:
        yield 0.2
    yield 2.0
    picture("estimate-4-downloading")
    in_view("cancel")
    while jobs.busy:
        yield 0.1
    yield 1.0
    picture("estimate-5-cancelled")
    (HERE / "go").touch()
    in_view("dismiss")
    in_view("estimate_depth")
    while jobs.busy:
        yield 0.3
    yield 2.0
    picture("estimate-6-estimated")


run(walk())
