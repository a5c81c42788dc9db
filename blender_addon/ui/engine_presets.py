"""Fast, Balanced and Best: what they change of an engine's options. A rule, so that any engine with steps has them."""

from __future__ import annotations

import enum

from ..core.protocol.capability import EngineCapability, EngineOption, SettingValue

STEPS = "steps"

FAST_ALSO: dict[str, float] = {"lossy_guidance_every": 2}
"""What Fast sets besides the steps, of the options that the engine has; the other presets give them their defaults."""


class Preset(enum.Enum):
    """A preset; its value says for what."""

    FAST = "For a look: half the engine's usual steps"
    BALANCED = "The engine's usual steps"
    BEST = "For the final clip: up to twice the engine's usual steps and wait"


def presets(engine: EngineCapability) -> dict[Preset, dict[str, SettingValue]]:
    """The values that each preset gives to options, by name; empty for an engine without a number of steps."""
    known = {option.name: option for option in engine.options if option.kind in ("int", "float")}
    steps = known.get(STEPS)
    if steps is None or steps.kind != "int":
        return {}
    usual = int(steps.default)
    others = {name: known[name].default for name in FAST_ALSO if name in known}
    faster = {name: bounded(known[name], FAST_ALSO[name]) for name in others}
    return {
        Preset.FAST: {STEPS: bounded(steps, usual // 2), **faster},
        Preset.BALANCED: {STEPS: usual, **others},
        Preset.BEST: {STEPS: bounded(steps, 2 * usual), **others},
    }


def bounded(option: EngineOption, number: float) -> float:
    """The number nearest to this one that the option allows, of its kind, "int" or "float"."""
    low = number if option.minimum is None else max(number, option.minimum)
    high = low if option.maximum is None else min(low, option.maximum)
    return int(high) if option.kind == "int" else float(high)
