"""The options of the engine `wan-i2v`, and their values. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from blender_addon.core.protocol.capability import EngineOption, SettingValue
from blender_addon.core.protocol.engine_checks import checked_options
from server.engines.keep_seen import KEEP_DETAIL, KEEP_SEEN
from server.engines.pipelines.holding.hold_options import Hold, hold_options
from server.engines.pipelines.memory.memory_option import MEMORY

_HOLD, _HELD_UNTIL, _BEGUN_UNTIL = hold_options("dual")

OPTIONS: tuple[EngineOption, ...] = (
    # The panel shows the first six at once, the others under Expert.
    EngineOption(
        name="steps",
        label="Steps",
        description="Sampling steps; time grows with them, 50 is what the weights were published with",
        kind="int",
        default=50,
        minimum=1,
        maximum=100,
    ),
    EngineOption(
        name="guidance",
        label="Prompt guidance",
        description="How strongly the prompt steers the picture; 1 switches guidance off and halves the time",
        kind="float",
        default=5.0,
        minimum=1.0,
        maximum=20.0,
    ),
    _HOLD,
    _HELD_UNTIL,
    KEEP_SEEN,
    KEEP_DETAIL,
    _BEGUN_UNTIL,
    EngineOption(
        name="solver",
        label="Solver",
        description="UniPC, with which the weights are published, or plain Euler steps, which want more of them",
        kind="choice",
        default="unipc",
        choices=("unipc", "euler"),
    ),
    MEMORY,
)


@dataclass(frozen=True)
class WanSettings:
    """The value of every option in OPTIONS, under its name."""

    steps: int
    guidance: float
    hold: Hold
    hold_until: float
    keep_seen: bool
    keep_detail: float
    begin_until: float
    solver: Literal["unipc", "euler"]
    memory: str


def read_settings(options: Mapping[str, SettingValue]) -> WanSettings:
    """The settings for the artist's options, with defaults for those that are not set.

    Args:
        options: by name.

    Raises:
        EngineError: an option is unknown or out of range.
    """
    return WanSettings(**cast("dict[str, Any]", checked_options(OPTIONS, options)))
