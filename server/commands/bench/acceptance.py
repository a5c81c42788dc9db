"""`realcam bench acceptance`: an engine tried on known scenes, for a folder to send back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeElapsedColumn

from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.engine_checks import check_frame_count, check_size, checked_options, offered_engine
from server.bench.acceptance.clips import CLIPS
from server.bench.acceptance.folder import READ_FIRST
from server.bench.acceptance.records import Asked, ClipRecord
from server.bench.acceptance.run import AcceptanceRun
from server.engines.random_weights import random_scale
from server.engines.registry import capabilities, engines
from server.evaluation.evaluate import DEFAULT_TRIALS
from server.terminal.plain_console import PlainConsole, description_column, say
from server.terminal.progress_bars import ProgressBars

from ..friendly_errors import friendly_errors
from ..options.engine_options import OptionOption, read_options
from ..options.generate_options import read_size

MINUTES = 30


def acceptance(
    engine: Annotated[str, typer.Argument(help="Engine to try: one of `realcam engines`.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write; acceptance-ENGINE if not given.")] = None,
    minutes: Annotated[float, typer.Option(min=0, help="No clip begins that would probably end later.")] = MINUTES,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the clips; the engine's own if not given.")] = "",
    frames: Annotated[int | None, typer.Option(min=1, help="Of each clip; the engine's own if not given.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same clips.")] = 0,
    option: OptionOption = None,
    only: Annotated[str, typer.Option(help="Clips whose name has this in it.")] = "",
    solves: Annotated[int, typer.Option(min=1, help="Solves of each clip's camera.")] = DEFAULT_TRIALS,
) -> None:
    """Try an engine on known scenes for half an hour and write one folder to send back: pictures, camera, time, memory.

    Run again, it goes on with the clips that are missing. Needs no data but those that come with it.
    """
    plan = [clip for clip in CLIPS if only in clip.name]
    if not plan:
        raise typer.BadParameter(f"there are {', '.join(clip.name for clip in CLIPS)}", param_hint="--only")
    folder = out or Path(f"acceptance-{engine}")
    with friendly_errors():
        able = offered_engine(capabilities(), engine)
        width, height = read_size(size) or able.sizes[0]
        check_size(able, (width, height))
        count = frames or able.frame_counts[0]
        check_frame_count(able, count)
        options = read_options(option)
        checked_options(able.options, options, able.label)
        asked = Asked(
            engine=engine,
            width=width,
            height=height,
            frames=count,
            seed=seed,
            options=options,
            random_weights=bool(random_scale()),
        )
        run = AcceptanceRun(engines()[engine], asked, folder, solves)
        columns = (description_column("{task.description:<48}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=PlainConsole(stderr=True), transient=True) as bars:
            found = run.go(plan, minutes * 60, _watched(bars), _say)
    if found.not_made:
        say(f"Not made: {', '.join(found.not_made)}. The same command goes on with these.", err=True)
    say(f"Written: {folder}. Read {folder / READ_FIRST}, and send back the whole folder.")
    if all(clip.failure for clip in found.clips):
        raise typer.Exit(1)


def _watched(bars: Progress) -> ProgressBars:
    shown = ProgressBars(bars)
    shown(JobProgress(0, 0, "Preparing"))
    return shown


def _say(clip: ClipRecord) -> None:
    if clip.making is None:
        say(f"{clip.name}: {clip.failure}", err=True, colour="yellow")
        return
    camera = clip.camera_unmeasured or " ".join(clip.camera.findings if clip.camera else ())
    say(f"{clip.name}: {clip.making.seconds:.0f} s. {camera}", err=True)
