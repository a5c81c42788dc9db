"""The options of `realcam depth layout`, and the layout that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.layout.camera_ground import camera_ground
from blender_addon.core.depth.layout.layout import FARTHEST, MIXINGS, CutOut, DepthLayout, Ground, Mask, Mixing
from blender_addon.core.depth.layout.region import region_of_mask
from server.depth.estimate import scene_size
from server.depth.photo_files import read_mask
from server.terminal.plain_console import say

from ..options.depth_options import numbers

EditsOption = Annotated[Path | None, typer.Option(help="A layout's JSON; the options below change it.")]
HorizonOption = Annotated[
    str,
    typer.Option(
        metavar="Y|LEFT,RIGHT",
        help="Where the horizon is down the photo, 0 at its top and 1 at its bottom; two numbers for a tilted one.",
    ),
]
CameraHeightOption = Annotated[float | None, typer.Option(help="Of the camera above the floor, metres.")]
CeilingOption = Annotated[float | None, typer.Option(help="Height of a ceiling above the floor, metres.")]
CutOutOption = Annotated[
    list[Path] | None,
    typer.Option(help="A mask's picture: what it shows bright stands upright on the floor. Repeat it."),
]
FarthestOption = Annotated[
    str,
    typer.Option(
        metavar="METRES|unknown", help=f"Of what stands nowhere; {FARTHEST:g} unless the layout says otherwise."
    ),
]
FspyOption = Annotated[
    Path | None,
    typer.Option(help="fSpy project or export: its lens, its horizon, and the camera's height unless that is given."),
]
OverlayOption = Annotated[
    Path | None, typer.Option(help="Picture of the photo's surfaces, with lines in metres on the floor and at heights.")
]
MixingOption = Annotated[
    str, typer.Option(metavar="|".join(name for name, _, _ in MIXINGS), help="What becomes of --base.")
]


def with_fspy_ground(layout: DepthLayout, trajectory: Trajectory, camera_height: float | None) -> DepthLayout:
    """The layout with the horizon of fSpy's camera, and its height over the origin unless one is given."""
    found = camera_ground(trajectory)
    ground = replace(layout.ground or Ground(), horizon=found.horizon)
    if camera_height is None and found.height > 0:
        ground = replace(ground, camera_height=found.height)
        say(f"The camera is {found.height:.2f} over fSpy's origin ({found.up} is up), taken as metres.")
    return replace(layout, ground=ground)


def with_ground_options(
    layout: DepthLayout, horizon: str, camera_height: float | None, ceiling: float | None
) -> DepthLayout:
    """The layout with what was typed of its ground.

    Raises:
        typer.BadParameter: a text has another form.
    """
    if not horizon and camera_height is None and ceiling is None:
        return layout
    ground = layout.ground or Ground()
    if horizon:
        left, *right = numbers(horizon, "--horizon", (1, 2))
        ground = replace(ground, horizon=(left, right[0] if right else left))
    if camera_height is not None:
        ground = replace(ground, camera_height=camera_height)
    if ceiling is not None:
        ground = replace(ground, ceiling=ceiling)
    return replace(layout, ground=ground)


def with_mixing(layout: DepthLayout, farthest: str, mixing: str) -> DepthLayout:
    """The layout with what was typed of the rest of the photo.

    Raises:
        typer.BadParameter: a text has another form.
    """
    if farthest:
        metres = None if farthest == "unknown" else numbers(farthest, "--farthest", (1,))[0]
        layout = replace(layout, farthest=metres)
    if not mixing:
        return layout
    chosen: Mixing | None = next((name for name, _, _ in MIXINGS if name == mixing), None)
    if chosen is None:
        known = ", ".join(name for name, _, _ in MIXINGS)
        raise typer.BadParameter(f"{mixing!r}: expected one of {known}", param_hint="--mixing")
    return replace(layout, mixing=chosen)


def masked_cut_out(path: Path, photo_size: tuple[int, int]) -> CutOut:
    """The cut-out that a mask's picture shows.

    Raises:
        PhotoError: it cannot be read, or has another aspect than the photo.
    """
    inside = read_mask(path)
    size = scene_size(inside.shape[1], inside.shape[0])
    return CutOut(mask=Mask.of(region_of_mask(inside, path.name, photo_size, size)), name=path.stem)
