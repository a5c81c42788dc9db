"""Options that say what the numbers of a depth file mean, with the descriptions of DepthFormat."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from blender_addon.core.depth.depth_format import DEPTH_FIELDS, DEPTH_UNITS, NEAR_ENDS, DepthFormat

DepthScaleOption = Annotated[
    float | None,
    typer.Option(help=f"{DEPTH_FIELDS['scale'].description}. Else whole numbers are millimetres, others metres."),
]
DepthUnitOption = Annotated[
    str, typer.Option(metavar="|".join(DEPTH_UNITS), help="The unit by its name, instead of --depth-scale.")
]
DisparityOption = Annotated[
    str, typer.Option(help="FOCAL,BASELINE[,OFFSET]: the file holds disparities; pixels, metres, pixels.")
]
RelativeOption = Annotated[
    str,
    typer.Option(
        metavar="NEAR,NEAREST,FARTHEST",
        help="The file holds relative depth: near is bright or dark, distances in metres; for example bright,0.8,6.",
    ),
]
DepthChannelOption = Annotated[str, typer.Option(help=f"{DEPTH_FIELDS['channel'].description}.")]

DEPTH_MEANING = ("depth_scale", "depth_unit", "depth_channel", "disparity", "relative", "trust_unit")
"""Names of the parameters that say what a depth file's numbers mean."""


def depth_format(
    scale: float | None, disparity: str, unit: str = "", relative: str = "", channel: str = ""
) -> DepthFormat:
    """The format of a depth file's numbers.

    Args:
        scale: metres for each stored unit, of disparity pixels; None takes it by the file's kind.
        disparity: FOCAL,BASELINE[,OFFSET] as typed, "" for none.
        unit: a name of DEPTH_UNITS, "" for none.
        relative: NEAR,NEAREST,FARTHEST as typed, "" for none.
        channel: name of the array or channel, "" to find it.

    Raises:
        typer.BadParameter: a text has another form, or two of them contradict each other.
    """
    return msgspec.structs.replace(_meaning(scale, disparity, unit, relative), channel=channel)


def _meaning(scale: float | None, disparity: str, unit: str, relative: str) -> DepthFormat:
    if sum(map(bool, (disparity, unit, relative))) > 1:
        raise typer.BadParameter("Give one of --disparity, --depth-unit and --relative.")
    if scale is not None and (unit or relative):
        raise typer.BadParameter("Give --depth-scale or one of --depth-unit and --relative.")
    if relative:
        return _relative(relative)
    if unit:
        if unit not in DEPTH_UNITS:
            raise typer.BadParameter(f"{unit!r}: expected one of {', '.join(DEPTH_UNITS)}", param_hint="--depth-unit")
        return DEPTH_UNITS[unit].format
    if not disparity:
        return DepthFormat.of(scale)
    focal, baseline, offset = [*numbers(disparity, "--disparity", (2, 3)), 0.0][:3]
    return DepthFormat.of(scale, (focal, baseline, offset))


def _relative(text: str) -> DepthFormat:
    word, _, distances = text.partition(",")
    near = next((end for end, _, _ in NEAR_ENDS if end == word.strip().lower()), None)
    if near is None:
        ends = " or ".join(end for end, _, _ in NEAR_ENDS)
        raise typer.BadParameter(f"{text!r}: expected {ends} first, for example bright,0.8,6", param_hint="--relative")
    nearest, farthest = numbers(distances, "--relative", (2,))
    return DepthFormat(kind="relative", near=near, nearest=nearest, farthest=farthest)


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
