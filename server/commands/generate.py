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
from server.terminal.named_move import read_move
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

DEPTH_MEANINGS = ("depth_scale", "depth_unit", "depth_channel", "disparity", "relative", "trust_unit")
"""Options that say what the numbers of the depth's file mean."""


def generate(
    context: typer.Context,
    photo_file: ask.PhotoArgument = None,
    photo: ask.PhotoOption = None,
    depth: ask.DepthOption = None,
    trajectory: ask.TrajectoryOption = None,
    move: ask.MoveOption = "",
    predictor: ask.PredictorOption = "",
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
    """Make a clip from a photo and a camera file or a named move, without Blender."""
    refuse_unread(context, random_weights, "--random-weights", "scale")
    refuse_unread(context, depth is not None, "--depth", *DEPTH_MEANINGS)
    refuse_unread(context, depth is None, "no --depth", "predictor")
    refuse_unread(context, trajectory is not None, "--trajectory", "start_at_photo")
    console = PlainConsole(stderr=True)
    with friendly_errors():
        request = GenerateRequest(
            photo=_one_photo(photo_file, photo),
            depth=None
            if depth is None
            else DepthFile(depth, depth_format(depth_scale, disparity, depth_unit, relative, depth_channel)),
            trajectory=_one_camera(trajectory, move),
            move=read_move(move) if move else None,
            predictor=predictor,
            out=out,
            import_settings=ImportSettings(
                focal_mm=focal_mm, intrinsics=read_intrinsics(context, intrinsics), trust_scale=trust_unit
            ),
            engine=_engines(engine)[0],
            also=_engines(engine)[1:],
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


def _engines(typed: str) -> tuple[str, ...]:
    """The names in a list with commas, each once.

    Raises:
        typer.BadParameter: there is none.
    """
    names = tuple(dict.fromkeys(name.strip() for name in typed.split(",") if name.strip()))
    if not names:
        raise typer.BadParameter("name an engine", param_hint="--engine")
    return names


def _one_photo(argument: Path | None, option: Path | None) -> Path:
    """The photo, which is typed once.

    Raises:
        typer.BadParameter: it was not typed, or twice.
    """
    if argument is not None and option is not None:
        raise typer.BadParameter("the photo was named twice", param_hint="--photo")
    if argument is None and option is None:
        raise typer.BadParameter("name the photo", param_hint="PHOTO")
    return argument or option or Path()


def _one_camera(trajectory: Path | None, move: str) -> Path | None:
    """The camera file; None for a move.

    Raises:
        typer.BadParameter: both were typed, or neither.
    """
    if trajectory is not None and move:
        raise typer.BadParameter("a camera file or a move, not both", param_hint="--move")
    if trajectory is None and not move:
        raise typer.BadParameter('name a camera file, or a move with --move "orbit 20"', param_hint="--trajectory")
    return trajectory


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
    for clip in result.clips:
        say(f"Written: {clip}", err=True)
