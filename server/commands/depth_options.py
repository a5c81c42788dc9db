"""What the commands that read a depth file are told about its numbers."""

from __future__ import annotations

from typing import Annotated

import typer

from server.data.photo_files import DepthUnit

DepthScaleOption = Annotated[
    float, typer.Option(help="Metres for each stored unit, 0.001 for millimetres; of disparity, pixels.")
]
DisparityOption = Annotated[
    str, typer.Option(help="FOCAL,BASELINE[,OFFSET]: the file holds disparities; pixels, metres, pixels.")
]


def depth_unit(scale: float, disparity: str) -> DepthUnit:
    """What the file's numbers mean."""
    if not disparity:
        return DepthUnit(scale)
    return DepthUnit(scale, *numbers(disparity, "--disparity", (2, 3)))


def numbers(text: str, option: str, counts: tuple[int, ...]) -> list[float]:
    """The numbers of an option, as many as one of `counts`."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in counts:
        raise typer.BadParameter(f"{text!r}: expected {' or '.join(map(str, counts))} numbers", param_hint=option)
    return values
