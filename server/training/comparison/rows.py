"""The rows of the tables: which networks make clips, and of what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .settings import ComparisonSettings

Mode = Literal["basic", "loop", "interpolation", "continuation"]

Source = Literal["network", "filmed", "rebuilt"]
"""Who makes the clips. As they were filmed, and as the VAE gives them back, they measure the measuring."""
FILMED = "filmed"
"""Name of the row of filmed clips."""


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        name: of it, in results and tables.
        networks: places of camera modules, one for each training of it; none for the base alone.
        own_unit: whether the camera is given in each clip's own unit of length, as at relative scale, or in metres.
        shaped: whether early steps are held to the preview of the scene.
        mode: of the clips.
        told: whether the network is told what is given besides the picture, in the forms that it was trained for.
        source: who makes them.
    """

    name: str
    networks: tuple[str, ...] = ()
    own_unit: bool = False
    shaped: bool = False
    mode: Mode = "basic"
    told: bool = False
    source: Source = "network"


def table_rows(settings: ComparisonSettings) -> tuple[Row, ...]:
    """The rows of the table: does a network that was trained in metres follow a camera better?"""
    absolute, relative = settings.absolute, settings.relative
    rows = [Row(FILMED, source="filmed"), Row("rebuilt", source="rebuilt"), Row("base")]
    if relative:
        rows += [Row("relative", relative, own_unit=True), Row("relative, given metres", relative[:1])]
    if absolute:
        rows.append(Row("absolute", absolute))
    rows.append(Row("base, shaped", shaped=True))
    if absolute:
        rows.append(Row("absolute, shaped", absolute, shaped=True))
    return tuple(rows)


def joined_rows(settings: ComparisonSettings) -> tuple[Row, ...]:
    """The rows on loops, interpolations and continuations: does a network do better that was trained for them?

    The last frame of a loop is its picture, which the published form says already: there is nothing more to tell. No
    clip was filmed as long as a continuation is.
    """
    modes: tuple[Mode, ...] = ("loop", "interpolation", "continuation")
    rows = [Row(f"{mode}, {FILMED}", mode=mode, source="filmed") for mode in modes[:2]]
    for name, networks in (("absolute", settings.absolute), ("basic alone", settings.basic)):
        if networks:
            rows += [Row(f"{mode}, {name}", networks, mode=mode) for mode in modes]
    if settings.absolute:
        rows += [
            Row("interpolation, told", settings.absolute, mode="interpolation", told=True),
            Row("continuation, told", settings.absolute, mode="continuation", told=True),
        ]
    return tuple(rows)
