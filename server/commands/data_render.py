"""`realcam data render`: clips of rendered worlds with exact cameras, to train and test on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from server.terminal.plain_console import PlainConsole, say
from server.training.worlds.clip_set import SPLITS, begin_set, finish_set, set_settings, tasks
from server.training.worlds.clip_set import render as render_clips
from server.training.worlds.film import RAYS
from server.training.worlds.world import carried_wads

from .friendly_errors import friendly_errors


def render(
    out: Annotated[Path, typer.Argument(help="Folder of the set; what is there already is not made again.")],
    clips: Annotated[int, typer.Option(min=0, help="Clips to train on.")] = 10000,
    validation: Annotated[int, typer.Option(min=0, help="Clips of other maps, to validate on.")] = 256,
    test: Annotated[int, typer.Option(min=0, help="Clips of other maps again, to test on.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything random: the same seed, the same bytes.")] = 0,
    width: Annotated[int, typer.Option(min=16, max=2048, help="Pixels.")] = 64,
    height: Annotated[int, typer.Option(min=16, max=2048, help="Pixels.")] = 64,
    frames: Annotated[int, typer.Option(min=2, max=1000, help="Frames of a clip.")] = 16,
    rays: Annotated[int, typer.Option(min=1, max=16, help="Rays on each side of a pixel.")] = RAYS,
    depth: Annotated[
        bool, typer.Option("--depth", help="Write the depth of every frame, not of the first alone.")
    ] = False,
    painted: Annotated[
        bool, typer.Option("--painted", help="A colour for every surface instead of textures: for small networks.")
    ] = False,
    motion: Annotated[
        tuple[float, float],
        typer.Option(help="Least and most that the picture moves over a clip, as a share of its width; 0 0: any."),
    ] = (0.0, 0.0),
    wad: Annotated[list[Path] | None, typer.Option(help="WAD files of maps, instead of Freedoom's two.")] = None,
    processes: Annotated[int, typer.Option(min=0, help="At work at the same time; 0 for one a core.")] = 0,
) -> None:
    """Render clips of Freedoom's maps: exact poses in metres, depth, captions; resumable, the same bytes every time."""
    if any(motion) and not 0.0 <= motion[0] < min(motion[1], 0.5):
        raise typer.BadParameter("expected a least below 0.5 and a larger most, or 0 0", param_hint="--motion")
    with friendly_errors():
        wads = tuple(wad) if wad else carried_wads()
        settings = set_settings(
            wads, seed, width, height, frames, rays, depth, painted, motion if any(motion) else None
        )
        begin_set(out, settings)
        counts = dict(zip(SPLITS, (clips, validation, test), strict=True))
        work = tasks(out, wads, settings, counts)
        wanted = sum(len(task.indices) for task in work)
        began = time.monotonic()
        with Progress(console=PlainConsole(stderr=True)) as bars:
            bar = bars.add_task("Rendering", total=wanted)
            for made in render_clips(work, settings, processes or os.cpu_count() or 1):
                bars.advance(bar, made)
        seconds = time.monotonic() - began
        kept = {split: finish_set(out, split, settings) for split in SPLITS}
    say(f"{wanted} clips rendered, {wanted / max(seconds, 1e-9):.1f} a second")
    say(f"Clips in {out}: {', '.join(f'{count} to {split}' for split, count in kept.items())}")
