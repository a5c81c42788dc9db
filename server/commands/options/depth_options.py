"""Options that say what the numbers of a depth file mean."""

from __future__ import annotations

from typing import Annotated

import typer

from blender_addon.core.depth.depth_file import DepthFormat

DepthScaleOption = Annotated[
    float | None,
    typer.Option(
        help="Metres for each stored unit; of disparity, pixels. Else whole numbers are millimetres, others metres."
    ),
]
DisparityOption = Annotated[
    str, typer.Option(help="FOCAL,BASELINE[,OFFSET]: the file holds disparities; pixels, metres, pixels.")
]


def depth_format(scale: float | None, disparity: str) -> DepthFormat:
    """The format of a depth file's numbers.

    Args:
        scale: metres for each stored unit, of disparity pixels; None takes it by the file's kind.
        disparity: FOCAL,BASELINE[,OFFSET] as typed, "" for a file of depth.

    Raises:
        typer.BadParameter: the disparity has another form.
    """
    if not disparity:
        return DepthFormat.of(scale)
    focal, baseline, offset = [*numbers(disparity, "--disparity", (2, 3)), 0.0][:3]
    return DepthFormat.of(scale, (focal, baseline, offset))


def numbers(text: str, option: str, counts: tuple[int, ...]) -> list[float]:
    """The numbers in the text of an option, separated by commas.

    Args:
        text: as typed.
        option: its name, for the error.
        counts: how many numbers there may be.

    Raises:
        typer.BadParameter: the text has another form.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in counts:
        raise typer.BadParameter(f"{text!r}: expected {' or '.join(map(str, counts))} numbers", param_hint=option)
    return values
