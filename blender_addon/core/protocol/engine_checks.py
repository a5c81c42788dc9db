"""Whether an engine can make what is asked, by its capability: the same messages in Blender, terminal and server."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ..errors import EngineError, ServiceError, ShotError
from .capability import INTERPOLATION_MODE, EngineCapability, EngineOption, SettingValue
from .messages import RefusalCode

MOST_BITS = 64
"""Of a whole number over the wire; JSON has longer ones, which no float holds."""


def offered_engine(engines: Iterable[EngineCapability], name: str, kind: str = "engine") -> EngineCapability:
    """The engine of that name among those that a server offers.

    Args:
        engines: those on offer.
        name: the one that is wanted.
        kind: what error messages call it, for instance "depth predictor".

    Raises:
        ServiceError: there is none of that name (code "no-such-engine"), or it cannot run ("engine-unavailable").
    """
    known = {engine.name: engine for engine in engines}
    if name not in known:
        raise ServiceError(
            f"The server has no {kind} {name!r}",
            f"it has {', '.join(known) or 'none'}",
            "Choose one of these, or use a server that has it.",
            code=RefusalCode.NO_SUCH_ENGINE,
        )
    engine = known[name]
    if engine.unavailable:
        raise ServiceError(
            f"{engine.label or name} cannot run on this server",
            engine.unavailable,
            f"Choose another {kind}, or mend that on the server.",
            code=RefusalCode.ENGINE_UNAVAILABLE,
        )
    return engine


def check_clip_engine(
    engines: Iterable[EngineCapability], name: str, size: tuple[int, int], frames: int, last_image: bool = False
) -> EngineCapability:
    """The engine `name`, checked to make clips of that size and frame count.

    Args:
        engines: those on offer.
        name: the one that is wanted.
        size: (width, height) in pixels.
        frames: frame count.
        last_image: whether the clip shall end at a last image.

    Raises:
        ServiceError: it is not on offer, or cannot run.
        ShotError: it makes no such clips, or cannot end at a last image where there is one.
    """
    engine = offered_engine(engines, name)
    check_size(engine, size)
    check_frame_count(engine, frames)
    if last_image:
        check_last_image(engine)
    return engine


def check_size(engine: EngineCapability, size: tuple[int, int]) -> None:
    """Refuse a clip size that the engine does not make.

    Args:
        engine: the engine.
        size: (width, height) in pixels.

    Raises:
        ShotError: it does not make this size.
    """
    if size not in engine.sizes:
        raise ShotError(
            f"{engine.label} makes no clips of {size[0]} x {size[1]}",
            f"it makes {', '.join(f'{width} x {height}' for width, height in engine.sizes)}",
            "Choose one of these sizes.",
        )


def check_frame_count(engine: EngineCapability, frames: int) -> None:
    """Refuse a frame count that the engine does not make.

    Raises:
        ShotError: it does not make so many frames.
    """
    if frames not in engine.frame_counts:
        raise ShotError(
            f"{engine.label} makes no clips of {frames} frames",
            f"it makes {', '.join(map(str, engine.frame_counts))}",
            "Choose one of these counts.",
        )


def check_last_image(engine: EngineCapability) -> None:
    """Refuse a last image where the engine cannot end a clip at one.

    Raises:
        ShotError: it has no interpolation mode.
    """
    if INTERPOLATION_MODE not in engine.modes:
        raise ShotError(
            f"{engine.label} cannot end at a last image",
            f"its modes are {', '.join(engine.modes)}",
            "Leave the last image out, or choose an engine that interpolates.",
        )


def checked_options(
    options: Iterable[EngineOption], given: Mapping[str, SettingValue], engine: str = "The engine"
) -> dict[str, SettingValue]:
    """The value of each of an engine's options by name: as it was given, or as shots mean it that do not say it.

    Args:
        options: those of the engine.
        given: values as they came over the wire.
        engine: what error messages call the engine.

    Raises:
        EngineError: there is no such option, or its value cannot be used.
    """
    known = {option.name: option for option in options}
    for name in given:
        if name not in known:
            raise EngineError(f"{engine} has no option {name}", f"it has {', '.join(known) or 'none'}", "Leave it out.")
    return {name: checked_option(option, given.get(name, option.meant)) for name, option in known.items()}


def stated_options(options: Iterable[EngineOption], given: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
    """The options of a new shot: those given, and the defaults that a shot must say to get them.

    Args:
        options: those of the engine.
        given: what the artist set, by name.
    """
    return {option.name: option.default for option in options if option.meant != option.default} | dict(given)


def checked_option(option: EngineOption, value: SettingValue) -> SettingValue:
    """The value, of the option's kind.

    Args:
        option: the option.
        value: as it came over the wire: of any type.

    Raises:
        EngineError: it is of another kind or out of range.
    """
    if option.kind == "choice":
        if value not in option.choices:
            raise EngineError(f"{option.label} cannot be {value!r}", f"it is one of {', '.join(option.choices)}")
        return value
    if option.kind == "bool":
        if isinstance(value, str):
            raise EngineError(f"{option.label} is neither on nor off", repr(value), "Give true or false.")
        return bool(value)
    if isinstance(value, str):
        raise EngineError(f"{option.label} is not a number", repr(value))
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise EngineError(f"{option.label} is out of range", f"a number of {value.bit_length()} bits")
    if not math.isfinite(value):
        raise EngineError(f"{option.label} is not a number", repr(value))
    number = int(value) if option.kind == "int" else float(value)
    low, high = option.minimum, option.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise EngineError(f"{option.label} is out of range", f"{number:g}, allowed {_range(low, high)}")
    return number


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"
