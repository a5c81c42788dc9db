"""The engine's options as the panel draws them, and the values that the artist set. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from blender_addon.core.protocol.capability import EngineOption, SettingValue
from blender_addon.core.protocol.engine_checks import checked_options
from server.engines.keep_seen import KEEP_DETAIL, KEEP_SEEN
from server.engines.pipelines.holding.hold_options import Hold, hold_options
from server.engines.pipelines.memory.memory_option import MEMORY
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS

from .rule import NAME

OPTIONS: tuple[EngineOption, ...] = (
    # The panel shows the first six at once, the others under Expert.
    EngineOption(
        name="steps",
        label="Steps",
        description="Sampling steps; time grows with them. 50 is what the network was published with",
        kind="int",
        default=30,
        minimum=1,
        maximum=100,
    ),
    EngineOption(
        name="guidance",
        label="Prompt guidance",
        description="How strongly the words steer the picture; 1 switches guidance off and halves the time",
        kind="float",
        default=5.0,
        minimum=1.0,
        maximum=20.0,
    ),
    EngineOption(
        name="control",
        label="Control",
        description="How strongly preview and photo steer the picture; 1 as the network was trained",
        kind="float",
        default=1.0,
        minimum=0.0,
        maximum=2.0,
    ),
    KEEP_SEEN,
    EngineOption(
        name="reference",
        label="Photo as reference",
        description="Also show the network the whole photo, for what the camera comes to see of it later",
        kind="bool",
        default=True,
    ),
    EngineOption(
        name="first_frame",
        label="Begin with the photo",
        description="Where the shot begins at the photo's camera, its first frame is the photo, also where the "
        "preview has holes",
        kind="bool",
        default=True,
    ),
    EngineOption(
        name="margin",
        label="Margin of holes",
        description="Pixels beside a hole of the preview that are painted anew too, so that torn edges are not kept",
        kind="int",
        default=8,
        minimum=0,
        maximum=64,
    ),
    *hold_options("off"),
    KEEP_DETAIL,
    EngineOption(
        name="shared",
        label="Shared frames",
        description="Frames that each segment of a shot of more than 81 frames takes from the one before: 1, 5, 9, 13",
        kind="choice",
        default="9",
        choices=("1", "5", "9", "13", "17"),
    ),
    MEMORY,
)


def weights_option(there: Sequence[str]) -> EngineOption:
    """The option that chooses the network.

    Args:
        there: names of the weights that are on the server, the usual ones first; not empty.
    """
    return EngineOption(
        name="weights",
        label="Network",
        description="; ".join(f"{name}: {PIPELINE_WEIGHTS[name].title}" for name in there),
        kind="choice",
        default=there[0],
        choices=tuple(there),
    )


def shown_options(there: Sequence[str]) -> tuple[EngineOption, ...]:
    """The options that the engine declares: that of the network only where there is a choice.

    Args:
        there: names of the weights that are on the server.
    """
    return (weights_option(there), *OPTIONS) if len(there) > 1 else OPTIONS


@dataclass(frozen=True)
class VaceSettings:
    """The value of every option in OPTIONS and of `weights_option`, under its name."""

    weights: str
    steps: int
    guidance: float
    control: float
    reference: bool
    first_frame: bool
    margin: int
    hold: Hold
    hold_until: float
    begin_until: float
    shared: str
    memory: str
    keep_seen: bool
    keep_detail: float


def read_settings(options: Mapping[str, SettingValue], there: Sequence[str] = (NAME,)) -> VaceSettings:
    """The settings for the artist's options, with defaults for those that are not set.

    Args:
        options: by name.
        there: names of the weights that are on the server.

    Raises:
        EngineError: an option is unknown or out of range.
    """
    return VaceSettings(**cast("dict[str, Any]", checked_options((weights_option(there), *OPTIONS), options, "VACE")))
