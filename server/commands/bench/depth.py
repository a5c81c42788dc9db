"""The speed from a photo to a scene: the networks (`realcam bench depth`), and from a prediction to Blender."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from PIL import Image
from scipy import ndimage

from blender_addon.core.arrays import Float32
from blender_addon.core.camera.focal_length import photo_lens
from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.child_text import child_environment
from blender_addon.core.payloads.depth_request import DEPTH_FILE, DepthResult, encode_depth_result
from blender_addon.core.payloads.headless_plan import parse_report
from server.demo.motorcycle import Motorcycle
from server.depth.catalogue import CARDS
from server.depth.estimate import cleaned_at_photo
from server.terminal.plain_console import PlainConsole, PlainTable, say

MEGAPIXEL = (1216, 822)
"""(width, height) of the motorcycle photo enlarged to 1 Mpx, the size that figures are given for."""
NETWORK = (766, 518)
"""(width, height) at which Depth Anything computes a photo of this aspect."""
REPEATS = 3


def depth(
    names: Annotated[
        list[str] | None, typer.Argument(help="Predictors of `realcam depth list`; else Indoor Large, Small.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each measurement.")] = 2,
    runs: Annotated[int, typer.Option(min=1, help="Predictions of each network.")] = 2,
) -> None:
    """Depth networks at full size with arbitrary weights: seconds and peak memory, each in a process of its own."""
    chosen = names or ["depth-anything-indoor-large", "depth-anything-indoor-small"]
    if unknown := [name for name in chosen if name not in CARDS]:
        raise typer.BadParameter(f"{unknown[0]!r}: there are {', '.join(CARDS)}", param_hint="NAMES")
    figures = []
    for name in chosen:
        with PlainConsole(stderr=True).status(name):
            figures.append(_network(name, threads, runs))
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(figures)).decode())
        return
    table = PlainTable("network", "parameters", "seconds a photo", "depth", "threads", "peak GiB")
    for one in figures:
        seconds = f"{median(one['seconds']):.1f}"
        sides = "{} x {}".format(*one["sides"])
        table.add_row(
            one["name"], f"{one['parameters']:.0f} M", seconds, sides, str(one["threads"]), f"{one['peak_gib']:.2f}"
        )
    PlainConsole().print(table)


def depth_to_scene(bike: Motorcycle) -> dict[str, Any]:
    """Seconds from a predicted depth map to the finished scene of a 1 Mpx photo, on the server and in Blender.

    Both the wall-clock time and the time of all processors are given.
    """
    if importlib.util.find_spec("bpy") is None:
        return {"skipped": "headless Blender is not installed; run `uv run --group blender realcam bench`"}
    height, width = bike.depth.shape
    picture = Image.fromarray(bike.photo).resize(MEGAPIXEL)
    photo, lens = np.array(picture), scaled_intrinsics(bike.intrinsics, (width, height), MEGAPIXEL)
    predicted = as_predicted(bike.depth)
    seconds, processor = [], []
    for _ in range(REPEATS):
        began, busy = time.perf_counter(), time.process_time()
        cleaned = cleaned_at_photo(predicted, photo, lens)
        words = photo_lens(MEGAPIXEL, intrinsics=lens).words
        result = DepthResult(cleaned.depth, cleaned.before, cleaned.cleaning_flags, lens, words, "a network", "none")
        data = encode_depth_result(result)
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - busy)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        picture.save(Path(folder) / "photo.png")
        (Path(folder) / DEPTH_FILE).write_bytes(data)
        in_blender = blenders_report("scene", Path(folder) / "photo.png", Path(folder) / DEPTH_FILE)
    server = {"server_seconds": median(seconds), "server_processor_seconds": median(processor)}
    return {**server, "answer_bytes": len(data), **in_blender}


def as_predicted(truth: Float32) -> Float32:
    """A sensor's depth as a network would predict it: at the network's size, without holes, soft at the edges.

    Args:
        truth: [h, w] float32 metres, NaN where unknown.

    Returns:
        [518, 766] float32 metres.
    """
    nearest = ndimage.distance_transform_edt(~np.isfinite(truth), return_distances=False, return_indices=True)
    whole = ndimage.gaussian_filter(truth[tuple(nearest)], 1.5)
    zoom = (NETWORK[1] / truth.shape[0], NETWORK[0] / truth.shape[1])
    return np.asarray(ndimage.zoom(whole, zoom, order=1, grid_mode=True, mode="nearest"), dtype=np.float32)


def blenders_report(what: str, *files: Path) -> dict[str, Any]:
    """The figures that a headless Blender measures; see blender_addon/headless/bench.py.

    Args:
        what: which measurement.
        *files: what it reads.
    """
    command = [sys.executable, "-m", "blender_addon.headless.bench", what, *map(str, files)]
    process = subprocess.run(command, capture_output=True, encoding="utf-8", env=child_environment(), check=True)
    reports = [report for line in process.stdout.splitlines() if (report := parse_report(line)) is not None]
    return dict(msgspec.json.decode(reports[-1].summary))


def _network(name: str, threads: int, runs: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "server.bench.depth", name, str(threads), str(runs)]
    process = subprocess.run(command, capture_output=True, encoding="utf-8", env=child_environment(), check=False)
    if process.returncode != 0:
        last = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}: out of memory?"])[-1]
        say(f"{name} cannot be measured: {last}", err=True)
        raise typer.Exit(1)
    return dict(msgspec.json.decode(process.stdout.strip().splitlines()[-1]))
