"""`realcam bench evaluate`: how long solving a clip's camera takes, stage by stage."""

from __future__ import annotations

import json
import os
import time
from typing import Annotated, Any

import numpy as np
import typer

from blender_addon.core.camera.projection import intrinsics_from_fov
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.progress import JobProgress
from server.evaluation.evaluate import DEFAULT_TRIALS, evaluate_clip
from server.evaluation.inputs import EvaluationInput
from server.evaluation.synthetic_room import film_room
from server.packages import absent_packages
from server.reconstruction.scale import DepthMap
from server.terminal.plain_console import PlainConsole, PlainTable, say

WIDTH, HEIGHT, FRAMES = 512, 320, 16


def evaluate(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    frames: Annotated[int, typer.Option(min=3, help="Of the clip, 512 x 320 each.")] = FRAMES,
    trials: Annotated[int, typer.Option(min=1, help="Solves of the clip.")] = DEFAULT_TRIALS,
) -> None:
    """Check Camera on a clip of a known room: seconds by stage, and of the processor."""
    if absent := absent_packages(("pycolmap",), extra="evaluation"):
        say(f"Cameras cannot be solved on this machine: {absent}.", err=True)
        raise typer.Exit(1)
    with PlainConsole(stderr=True).status("filming the room"):
        given = input_of_room(walk(frames))
    with PlainConsole(stderr=True).status("finding its camera"):
        figures = stage_seconds(given, trials)
    if as_json:
        say(json.dumps(figures, indent=2))
        return
    table = PlainTable("stage", "seconds", title=f"{frames} frames of {WIDTH} x {HEIGHT}, {os.cpu_count()} cores")
    for stage in figures["stages"]:
        table.add_row(stage["name"], f"{stage['seconds']:.1f}")
    table.add_row("all", f"{figures['seconds']:.1f}")
    table.add_row("all, of the processor", f"{figures['processor_seconds']:.1f}")
    PlainConsole().print(table)


def walk(frames: int) -> Trajectory:
    """A path of half a metre sideways, 0.6 m forwards and 12 degrees of rotation."""
    u = np.linspace(0.0, 1.0, frames)
    poses = np.repeat(np.eye(4)[None], frames, axis=0)
    poses[:, :3, :3] = rotation_exp(np.radians(12.0) * u[:, None] * [0.1, 1.0, 0.05])
    poses[:, :3, 3] = np.stack([0.5 * u, -0.1 * u, 0.6 * u**2], axis=1)
    return Trajectory(poses, intrinsics_from_fov(WIDTH, HEIGHT, np.radians(65)), WIDTH, HEIGHT)


def input_of_room(trajectory: Trajectory) -> EvaluationInput:
    """A clip of the known room filmed along a path, to be solved from its frames and the first one's depth."""
    frames, depth = film_room(trajectory)
    return EvaluationInput(
        clip="the room",
        frames=frames,
        reference_name="its path",
        reference=trajectory,
        scene_depth=DepthMap(depth[0], trajectory.intrinsics[0]),
    )


def stage_seconds(given: EvaluationInput, trials: int) -> dict[str, Any]:
    """The seconds of each stage of one evaluation, in order, its total, its processor time, and what it found.

    A stage lasts until the next one begins: comparing is counted to the last.

    Args:
        given: the clip and its camera.
        trials: how often it is solved.
    """
    began: dict[str, float] = {}

    def on_progress(progress: JobProgress) -> None:
        began.setdefault(progress.stage, time.perf_counter())

    started, processor = time.perf_counter(), time.process_time()
    found = evaluate_clip(given, trials, on_progress)
    ended, used = time.perf_counter(), time.process_time() - processor
    starts = [started, *began.values()]
    return {
        "frames": found.frames,
        "trials": trials,
        "stages": [
            {"name": name, "seconds": end - start}
            for name, start, end in zip(["Preparing", *began], starts, [*starts[1:], ended], strict=True)
        ],
        "seconds": ended - started,
        "processor_seconds": used,
        "findings": found.findings,
    }
