"""`realcam bench`: the speed of the parts on this machine, beside a plain reference measured in the same run."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from scipy import ndimage

from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.bench.draft import arc_shot, seconds_a_clip
from server.bench.service import ECHO, measure_wire
from server.demo.motorcycle import Motorcycle, motorcycle
from server.geometry.preview import PreviewRenderer
from server.terminal.plain_console import PlainConsole, PlainTable, say

from .acceptance import acceptance
from .cameras import cameras
from .cluster import cluster
from .depth import MEGAPIXEL, blenders_report, depth, depth_to_scene
from .draft import draft
from .draft_truth import draft_truth
from .engines import engines
from .evaluate import evaluate
from .layouts import layouts
from .sampler import sampler
from .service import service
from .training import training

bench_app = typer.Typer(
    add_completion=False,
    help="Measure this machine: mesh, preview, wire and the draft engine; each verb below measures another part.",
    invoke_without_command=True,
)
bench_app.command()(sampler)
bench_app.command()(depth)
bench_app.command()(evaluate)
bench_app.command()(draft)
bench_app.command()(draft_truth)
bench_app.command()(cameras)
bench_app.command()(layouts)
bench_app.command()(training)
bench_app.command()(acceptance)
bench_app.command()(engines)
bench_app.command()(service)
bench_app.command()(cluster)


@bench_app.callback()
def bench(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False
) -> None:
    """Mesh import, preview, wire and the draft engine, on the motorcycle photo."""
    if context.invoked_subcommand is not None:
        return
    console = PlainConsole(stderr=True)
    bike = motorcycle()
    figures: dict[str, Any] = {"machine": {"processor": platform.machine(), "cores": os.cpu_count()}}
    with console.status("draft engine"):
        shot = arc_shot(bike.photo, bike.depth, bike.intrinsics)
        figures["draft"] = {"seconds_a_clip": seconds_a_clip(shot), "clip": "16 frames of 512 x 320"}
    with console.status("numpy renderer"):
        figures["numpy_preview"] = {"seconds_a_frame": _numpy_frame_seconds(bike, shot)}
    with console.status("wire"):
        figures["wire"] = asdict(measure_wire(replace(shot, settings=ShotSettings(engine=ECHO))))
    with console.status("Blender: mesh import and preview"):
        figures["blender"] = _blender_figures(bike)
    with console.status("predicted depth to scene"):
        figures["depth_to_scene"] = depth_to_scene(bike)
    if as_json:
        say(json.dumps(figures, indent=2))
    else:
        _print(PlainConsole(), figures)


def _numpy_frame_seconds(bike: Motorcycle, shot: Shot) -> float:
    size = (shot.trajectory.width, shot.trajectory.height)
    renderer = PreviewRenderer(bike.photo, depth_mesh(bike.depth, bike.intrinsics, shot.photo_size))
    seconds = []
    for intrinsics, pose in zip(shot.trajectory.intrinsics, shot.trajectory.camera_to_world, strict=True):
        began = time.perf_counter()
        renderer.render(intrinsics, pose, size)
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def _blender_figures(bike: Motorcycle) -> dict[str, Any]:
    if importlib.util.find_spec("bpy") is None:
        return {"skipped": "headless Blender is not installed; run `uv run --group blender realcam bench`"}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        height, width = bike.depth.shape
        Image.fromarray(bike.photo).resize(MEGAPIXEL).save(folder / "photo.png")
        zoom = (MEGAPIXEL[1] / height, MEGAPIXEL[0] / width)
        np.save(folder / "depth.npy", ndimage.zoom(bike.depth, zoom, order=0, grid_mode=True, mode="nearest"))
        np.save(folder / "intrinsics.npy", scaled_intrinsics(bike.intrinsics, (width, height), MEGAPIXEL))
        files = [folder / file for file in ("photo.png", "depth.npy", "intrinsics.npy")]
        return blenders_report("import", *files)


def _print(console: Console, figures: dict[str, Any]) -> None:
    table = PlainTable(
        title=f"On {figures['machine']['cores']} cores ({figures['machine']['processor']})", show_edge=False
    )
    for column in ("what", "figure", "beside"):
        table.add_column(column, justify="left" if column == "what" else "right")
    wire, draft = figures["wire"], figures["draft"]
    blender, drawn = figures["blender"], figures["numpy_preview"]["seconds_a_frame"]
    if "skipped" in blender:
        table.add_row("Blender", "not measured", blender["skipped"])
    else:
        table.add_row(
            f"mesh import, Blender {blender['blender']}",
            f"{blender['import_mvertices_a_second']:.2f} Mvertices/s",
            f"{blender['vertices']:,} vertices in {blender['import_seconds']:.2f} s",
        )
        table.add_row(
            "preview, Eevee, 512 x 320",
            f"{blender['eevee_frame']:.3f} s/frame",
            f"Workbench {blender['workbench_frame']:.3f}, ours in numpy {drawn:.3f} s/frame",
        )
        scene = figures["depth_to_scene"]
        table.add_row(
            "1 Mpx photo, predicted depth to scene",
            f"{scene['server_seconds'] + scene['scene_seconds']:.2f} s",
            f"{scene['server_processor_seconds'] + scene['scene_processor_seconds']:.2f} processor seconds, "
            f"{scene['server_processor_seconds']:.2f} of them cleaning; {scene['vertices']:,} vertices",
        )
    table.add_row("shot to the server", f"{wire['up']:.0f} MB/s", f"plain loopback copy {wire['copy']:.0f} MB/s")
    table.add_row("clip from the server", f"{wire['down']:.0f} MB/s", f"{wire['clip_bytes'] / 1e6:.1f} MB a clip")
    table.add_row("a job outside its engine", f"{wire['overhead']:.3f} s", "16 frames of 512 x 320")
    table.add_row("draft engine", f"{draft['seconds_a_clip']:.2f} s/clip", draft["clip"])
    console.print(table)
