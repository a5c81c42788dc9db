"""`realcam demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from blender_addon.core.payloads.import_request import ImportSettings
from blender_addon.core.protocol.capability import SettingValue
from server.commands.options.engine_options import OptionOption, read_options
from server.demo.demo import DemoOptions, DemoResult, run_demo
from server.demo.rendered_world import CAPTION
from server.model.config import NANO
from server.terminal.plain_console import PlainConsole, PlainTable, say

from .friendly_errors import friendly_errors
from .options.depth_options import (
    DEPTH_MEANING,
    DepthChannelOption,
    DepthScaleOption,
    DepthUnitOption,
    DisparityOption,
    RelativeOption,
    depth_format,
)
from .options.generate_options import DEPTH_FILE
from .options.import_options import FocalOption, TrustUnitOption
from .options.unread import refuse_unread

REALCAM = "realcam"
"""Name of the engine that `--weights` chooses a network of."""
NANO_OPTIONS: dict[str, SettingValue] = {
    "steps": 12,
    "guidance": 1.0,
    "camera_guidance": 2.0,
    "keep_seen": False,
}
"""What suits the nano network better than the published weights' values, and shows its own pixels alone."""


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for what is made.")] = Path("out/demo"),
    photo: Annotated[Path | None, typer.Option(help="Your own photo; an example if not given.")] = None,
    depth: Annotated[Path | None, typer.Option(help=DEPTH_FILE)] = None,
    depth_scale: DepthScaleOption = None,
    depth_unit: DepthUnitOption = "",
    depth_channel: DepthChannelOption = "",
    disparity: DisparityOption = "",
    relative: RelativeOption = "",
    focal_mm: FocalOption = None,
    engine: Annotated[str, typer.Option(help="Engine that makes the clip.")] = "draft",
    weights: Annotated[
        str, typer.Option(help="Network of the engine realcam; nano makes a small clip, of a rendered world.")
    ] = "",
    prompt: Annotated[str, typer.Option(help="What the clip shows, for engines that read it.")] = "",
    option: OptionOption = None,
    last_image: Annotated[
        Path | None, typer.Option(help="What the last frame shall show, for engines that interpolate.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same clip.")] = 1,
    trust_unit: TrustUnitOption = False,
) -> None:
    """Make a whole shot: photo, metric scene, camera move, preview, clip, timeline. Needs headless Blender."""
    own = photo is not None or depth is not None
    refuse_unread(context, own, "--photo and --depth", *DEPTH_MEANING, "focal_mm")
    refuse_unread(context, engine == REALCAM, f"--engine {REALCAM}", "weights")
    console = PlainConsole()
    chosen: dict[str, SettingValue] = {"weights": weights} if weights else {}
    nano = weights == NANO.name
    world = nano and not own
    options = DemoOptions(
        out=out,
        photo=photo,
        depth=depth,
        world=world,
        depth_format=depth_format(depth_scale, disparity, depth_unit, relative, depth_channel),
        import_settings=ImportSettings(focal_mm=focal_mm, trust_scale=trust_unit),
        engine=engine,
        prompt=prompt or (CAPTION if world else ""),
        engine_options={**chosen, **(NANO_OPTIONS if nano else {}), **read_options(option)},
        clip_size=NANO.size if nano else DemoOptions.clip_size,
        last_image=last_image,
        seed=seed,
    )
    with friendly_errors():
        result = run_demo(options, console)
    _print(console, result)


def _print(console: Console, result: DemoResult) -> None:
    times = PlainTable(title="How long it took", show_edge=False)
    times.add_column("step")
    times.add_column("seconds", justify="right")
    for step, seconds in result.seconds.items():
        times.add_row(step, f"{seconds:.2f}")
    made = PlainTable(title="What was made", show_edge=False)
    made.add_column("what")
    made.add_column("where")
    for what, where in result.files.items():
        made.add_row(what, str(where))
    console.print(times)
    console.print(made)
    if result.summary:
        say(result.summary)
    if result.coverage:
        say(f"The photo can see {min(result.coverage):.0%} to {max(result.coverage):.0%} of each frame.")
