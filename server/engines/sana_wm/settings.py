"""The options of the engine `sana-wm`, and their values. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from blender_addon.core.protocol.capability import EngineOption, SettingValue
from blender_addon.core.protocol.engine_checks import checked_options
from server.engines.keep_seen import KEEP_DETAIL, KEEP_SEEN
from server.engines.pipelines.holding.hold_options import Hold, hold_options
from server.engines.pipelines.memory.memory_option import MEMORY

SCALE = "scale"
"""Name of the option whose value multiplies the shot's distances."""

OPTIONS: tuple[EngineOption, ...] = (
    # The panel shows the first six at once, the others under Expert.
    EngineOption(
        name="steps",
        label="Steps",
        description="Sampling steps; time grows with them, 60 is what the weights were published with",
        kind="int",
        default=60,
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
        name=SCALE,
        label="Scale of the move",
        description="Factor on all distances that the network is told. Above 1 where Check Camera finds that clips "
        "move too little",
        kind="float",
        default=1.0,
        minimum=0.1,
        maximum=10.0,
    ),
    KEEP_SEEN,
    EngineOption(
        name="refine",
        label="Refine",
        description="Make the clip sharper with the second network, an LTX-2, three latents after three. It needs "
        "weights of its own, `realcam weights get sana-wm-refiner`, and much memory",
        kind="bool",
        default=False,
    ),
    *hold_options("off"),
    KEEP_DETAIL,
    MEMORY,
)


@dataclass(frozen=True)
class SanaSettings:
    """The value of every option in OPTIONS, under its name."""

    steps: int
    guidance: float
    scale: float
    keep_seen: bool
    refine: bool
    hold: Hold
    hold_until: float
    begin_until: float
    keep_detail: float
    memory: str


def read_settings(options: Mapping[str, SettingValue]) -> SanaSettings:
    """The settings for the artist's options, with defaults for those that are not set.

    Args:
        options: by name.

    Raises:
        EngineError: an option is unknown or out of range.
    """
    return SanaSettings(**cast("dict[str, Any]", checked_options(OPTIONS, options, "SANA-WM")))
