"""`realcam generate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from blender_addon.core.errors import RealCamError
from blender_addon.core.server_address import parse_address
from server.commands.engine_options import NegativePromptOption, OptionOption, read_options
from server.engines.realcam.sources import RANDOM_WEIGHTS
from server.generate import GenerateRequest, GenerateResult
from server.generate import generate as make_clip

from .depth_options import DepthScaleOption, DisparityOption, depth_unit, numbers


def generate(
    photo: Annotated[Path, typer.Option(help="The photo.")],
    depth: Annotated[Path, typer.Option(help="Its depth: 16-bit PNG or TIFF, EXR, NPY or NPZ.")],
    trajectory: Annotated[Path, typer.Option(help="Camera file: RealEstate10K, COLMAP, TUM, transforms.json, .chan.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The clip to write.")] = Path("clip.mp4"),
    depth_scale: DepthScaleOption = 1.0,
    disparity: DisparityOption = "",
    focal_mm: Annotated[float | None, typer.Option(help="35 mm equivalent focal length of the photo.")] = None,
    intrinsics: Annotated[str, typer.Option(help="FX,FY,CX,CY of the photo, in its pixels.")] = "",
    engine: Annotated[str, typer.Option(help="Engine that makes the clip.")] = "draft",
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the clip; the engine's own if not given.")] = "",
    frames: Annotated[int | None, typer.Option(min=1, help="Frames; the engine's own count if not given.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second, instead of the camera file's.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same clip.")] = 0,
    prompt: Annotated[str, typer.Option(help="What the clip shows, for engines that read it.")] = "",
    negative_prompt: NegativePromptOption = "",
    option: OptionOption = None,
    last_image: Annotated[
        Path | None, typer.Option(help="What the last frame shall show, for engines that interpolate.")
    ] = None,
    start_at_photo: Annotated[
        bool, typer.Option("--start-at-photo", help="The file's first camera is the one that took the photo.")
    ] = False,
    server: Annotated[str, typer.Option(help="host:port of a server; one is started for this job if not given.")] = "",
    random_weights: Annotated[
        bool,
        typer.Option("--random-weights", help="Engine realcam without its weights: paints noise, to test."),
    ] = False,
    scale: Annotated[str, typer.Option(help="Size of the model with random weights: tiny or full.")] = "tiny",
) -> None:
    """Make a clip from a photo, its depth and a camera file, without Blender."""
    console = Console(stderr=True)
    if random_weights:
        _use_random_weights(scale, server)
    try:
        request = GenerateRequest(
            photo=photo,
            depth=depth,
            trajectory=trajectory,
            out=out,
            depth_unit=depth_unit(depth_scale, disparity),
            focal_mm=focal_mm,
            intrinsics=_four(intrinsics),
            engine=engine,
            size=_size(size),
            frames=frames,
            fps=fps,
            seed=seed,
            prompt=prompt,
            negative_prompt=negative_prompt,
            options=read_options(option),
            start_at_photo=start_at_photo,
            server=parse_address(server) if server else None,
            last_image=last_image,
        )
        _say(console, _with_bars(request, console))
    except RealCamError as error:
        typer.echo(error.sentence, err=True)
        raise typer.Exit(1) from error


def _use_random_weights(scale: str, server: str) -> None:
    """For the server that is started for this job: it inherits the environment."""
    if scale not in ("tiny", "full"):
        raise typer.BadParameter(f"{scale!r}: expected tiny or full", param_hint="--scale")
    if server:
        raise typer.BadParameter("a running server has its own weights", param_hint="--random-weights")
    os.environ[RANDOM_WEIGHTS] = scale


def _with_bars(request: GenerateRequest, console: Console) -> GenerateResult:
    columns = (TextColumn("{task.description:<48}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def on_progress(stage: str, done: int, of: int, detail: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=of)
            text = f"{stage}: {detail}" if detail else stage
            bars.update(tasks[stage], completed=done, total=of, description=text)

        return make_clip(request, on_progress)


def _say(console: Console, result: GenerateResult) -> None:
    for note in result.notes:
        console.print(f"[yellow]{note}")
    console.print(f"Focal length: {result.focal_source}.")
    console.print(f"The photo can see {min(result.coverage):.0%} to {max(result.coverage):.0%} of each frame.")
    console.print(f"Written: {result.clip}")


def _four(text: str) -> tuple[float, float, float, float] | None:
    if not text:
        return None
    fx, fy, cx, cy = numbers(text, "--intrinsics", (4,))
    return fx, fy, cx, cy


def _size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise typer.BadParameter(f"{text!r}: expected WIDTHxHEIGHT, for example 512x320", param_hint="--size")
    return int(width), int(height)
