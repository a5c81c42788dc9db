"""An option's value as a client sent it, which may be anything: the value an engine can use, or a sentence."""

from __future__ import annotations

import math

from blender_addon.core.errors import EngineError
from blender_addon.core.protocol.capability import EngineOption, SettingValue


def checked_option(option: EngineOption, value: SettingValue) -> SettingValue:
    """The value, of the option's kind. Raises EngineError for a value of another kind or out of range."""
    if option.kind == "choice":
        if value not in option.choices:
            raise EngineError(f"{option.label} cannot be {value!r}", f"it is one of {', '.join(option.choices)}")
        return value
    if option.kind == "bool":
        return bool(value)
    if isinstance(value, str) or not math.isfinite(value):
        raise EngineError(f"{option.label} is not a number", repr(value))
    number = int(value) if option.kind == "int" else float(value)
    low, high = option.minimum, option.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise EngineError(f"{option.label} is out of range", f"{number:g}, allowed {low:g} to {high:g}")
    return number
