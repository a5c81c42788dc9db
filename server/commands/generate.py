"""`realcam generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeElapsedColumn

from blender_addon.core.payloads.import_request import DepthFile, ImportSettings
from blender_addon.core.protocol.server_address import parse_address
from server.commands.options import generate_options as ask
from server.commands.options.engine_options import NegativePromptOption, OptionOption, read_options
from server.terminal.generate import GenerateRequest, GenerateResult
from server.terminal.generate import generate as make_clip
from server.terminal.plain_console import PlainConsole, description_column, say
from server.terminal.progress_bars import ProgressBars

from .friendly_errors import friendly_errors
from .options.depth_options import (
    DepthChannelOption,
    DepthScaleOption,
    DepthUnitOption,
    DisparityOption,
    RelativeOption,
    depth_format,
)
from .options.import_options import FocalOption, IntrinsicsOption, TrustUnitOption, read_intrinsics
from .options.unread import refuse_unread


def generate(
    context: typer.Context,
    photo: ask.PhotoOption,
    depth: ask.DepthOption,
    trajectory: ask.TrajectoryOption,
    out: ask.OutOption = Path("clip.mp4"),
    depth_scale: DepthScaleOption = None,
    depth_unit: DepthUnitOption = "",
    depth_channel: DepthChannelOption = "",
    disparity: DisparityOption = "",
    relative: RelativeOption = "",
    trust_unit: TrustUnitOption = False,
    focal_mm: FocalOption = None,
    intrinsics: IntrinsicsOption = "",
    engine: ask.EngineNameOption = "draft",
    size: ask.SizeOption = "",
    frames: ask.FramesOption = None,
    fps: ask.FpsOption = None,
    seed: ask.SeedOption = 0,
    prompt: ask.PromptOption = "",
    negative_prompt: NegativePromptOption = "",
    option: OptionOption = None,
    last_image: ask.LastImageOption = None,
    start_at_photo: ask.StartAtPhotoOption = False,
    server: ask.ServerOption = "",
    random_weights: ask.RandomWeightsOption = False,
    scale: ask.ScaleOption = "tiny",
) -> None:
    """Make a clip from a photo, its depth and a camera file, without Blender."""
    refuse_unread(context, random_weights, "--random-weights", "scale")
    console = PlainConsole(stderr=True)
    with friendly_errors():
        request = GenerateRequest(
            photo=photo,
            depth=DepthFile(depth, depth_format(depth_scale, disparity, depth_unit, relative, depth_channel)),
            trajectory=trajectory,
            out=out,
            import_settings=ImportSettings(
                focal_mm=focal_mm, intrinsics=read_intrinsics(context, intrinsics), trust_scale=trust_unit
            ),
            engine=engine,
            size=ask.read_size(size),
            frames=frames,
            fps=fps,
            seed=seed,
            prompt=prompt,
            negative_prompt=negative_prompt,
            options=read_options(option),
            start_at_photo=start_at_photo,
            server=parse_address(server) if server else None,
            random_weights=_random_weights(scale, server) if random_weights else "",
            last_image=last_image,
        )
        _say(_with_bars(request, console))


def _random_weights(scale: str, server: str) -> Literal["tiny", "full"]:
    """The size of the model with random weights, for the server that is started for this job.

    Raises:
        typer.BadParameter: there is no such size, or a running server is used.
    """
    if scale not in ("tiny", "full"):
        raise typer.BadParameter(f"{scale!r}: expected tiny or full", param_hint="--scale")
    if server:
        raise typer.BadParameter("a running server has its own weights", param_hint="--random-weights")
    return "tiny" if scale == "tiny" else "full"


def _with_bars(request: GenerateRequest, console: Console) -> GenerateResult:
    columns = (description_column("{task.description:<48}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        return make_clip(request, ProgressBars(bars))


def _say(result: GenerateResult) -> None:
    for note in result.notes:
        say(note, err=True, colour="yellow")
    say(f"Focal length: {result.focal_source}.", err=True)
    say(f"The photo can see {min(result.coverage):.0%} to {max(result.coverage):.0%} of each frame.", err=True)
    say(f"Written: {result.clip}", err=True)
