"""The options of `realcam generate`, and how their text is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.camera.moves import MOVES

DEPTH_FILE = "Its depth: 16-bit PNG or TIFF, EXR, NPY, NPZ; PNG, JPEG or PGM of relative depth (--relative)."

PhotoArgument = Annotated[Path | None, typer.Argument(metavar="PHOTO", help="The photo.")]
PhotoOption = Annotated[Path | None, typer.Option(help="The photo, as an option.")]
DepthOption = Annotated[
    Path | None, typer.Option(help=f"{DEPTH_FILE} Estimated if not given, where a predictor is installed.")
]
PredictorOption = Annotated[
    str, typer.Option(help="What estimates the depth: one of `realcam depth list`; the first that is installed.")
]
MoveOption = Annotated[
    str,
    typer.Option(help=f'A move from the photo\'s place, "orbit 20" or "orbit angle=20 pivot=3": {", ".join(MOVES)}.'),
]
TrajectoryOption = Annotated[
    Path | None,
    typer.Option(help="Camera file: RealEstate10K, COLMAP, TUM, transforms.json, .chan, and others: docs/server.md."),
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="The clip to write.")]
EngineNameOption = Annotated[str, typer.Option(help="Engine that makes the clip, or several: draft,realcam.")]
SizeOption = Annotated[str, typer.Option(help="WIDTHxHEIGHT of the clip; the engine's own if not given.")]
FramesOption = Annotated[int | None, typer.Option(min=1, help="Frames; the engine's own count if not given.")]
FpsOption = Annotated[float | None, typer.Option(help="Frames a second, instead of the camera file's.")]
SeedOption = Annotated[int, typer.Option(help="The same seed makes the same clip.")]
PromptOption = Annotated[str, typer.Option(help="What the clip shows, for engines that read it.")]
LastImageOption = Annotated[
    Path | None, typer.Option(help="What the last frame shall show, for engines that interpolate.")
]
StartAtPhotoOption = Annotated[
    bool, typer.Option("--start-at-photo", help="The file's first camera is the one that took the photo.")
]
ServerOption = Annotated[str, typer.Option(help="host:port of a server; one is started for this job if not given.")]
RandomWeightsOption = Annotated[
    bool, typer.Option("--random-weights", help="Engine realcam without its weights: paints noise, to test.")
]
ScaleOption = Annotated[str, typer.Option(help="Size of the model with random weights: tiny or full.")]


def read_size(text: str) -> tuple[int, int] | None:
    """The (width, height) in WIDTHxHEIGHT; None where nothing was typed.

    Raises:
        typer.BadParameter: the text has another form.
    """
    if not text:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise typer.BadParameter(f"{text!r}: expected WIDTHxHEIGHT, for example 512x320", param_hint="--size")
    return int(width), int(height)
