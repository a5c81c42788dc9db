"""Options for a photo's lens and its depth's unit, with the descriptions of ImportSettings."""

from __future__ import annotations

from typing import Annotated

import typer

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.payloads.import_request import SETTING_FIELDS

from .depth_options import numbers
from .unread import refuse_unread

FocalOption = Annotated[float | None, typer.Option(help=f"{SETTING_FIELDS['focal_mm'].description}.")]
IntrinsicsOption = Annotated[
    str, typer.Option(metavar="FX,FY,CX,CY", help=f"{SETTING_FIELDS['intrinsics'].description}.")
]
TrustUnitOption = Annotated[bool, typer.Option("--trust-unit", help=f"{SETTING_FIELDS['trust_scale'].description}.")]


def read_intrinsics(context: typer.Context, text: str) -> list[list[float]] | None:
    """The camera matrix of FX,FY,CX,CY, row by row; None where nothing was typed.

    Raises:
        typer.BadParameter: the text has another form, or --focal-mm was typed too, which nothing would read.
    """
    if not text:
        return None
    refuse_unread(context, False, "no --intrinsics beside it: FX and FY are the focal length", "focal_mm")
    fx, fy, cx, cy = numbers(text, "--intrinsics", (4,))
    rows: list[list[float]] = intrinsics_matrix(fx, fy, cx, cy).tolist()
    return rows
