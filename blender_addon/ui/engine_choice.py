"""The engine of a shot as a drop-down of what the server offers, and its options.

The scene stores plain values (a name, numbers), so that a .blend keeps its choice when a server offers other things.
A stored choice that is not on offer stays in the list, and is refused with an error before anything is rendered.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..core.protocol.capability import INTERPOLATION_MODE, EngineCapability, EngineOption, SettingValue
from ..generation.jobs import jobs

EnumItem = tuple[str, str, str, int]
"""(identifier, name, description, number) of an item, as Blender takes it."""

_CHOICES_A_ROW = 3
"""How many choices of an option stand in a row: as many as can be read in a sidebar as wide as Blender opens it."""

_kept: dict[str, list[EnumItem]] = {}
"""The items last given for each list: Blender does not keep a dynamic enum's strings, and needs them while shown."""


class EngineFields(Protocol):
    """What this module reads and writes of `scene.realcam` (properties.RealCamShot)."""

    engine_name: str
    clip_width: int
    clip_height: int
    clip_frames: int
    options: Any
    """A collection of properties.RealCamEngineOption by name."""

    def property_unset(self, name: str, /) -> None:
        """Let a property have its default again."""


def capability(shot: EngineFields) -> EngineCapability | None:
    """What the chosen engine can do; None when it is not on offer."""
    return jobs.engine(shot.engine_name)


def ends_at_an_image(shot: EngineFields) -> bool:
    """Whether the chosen engine can end a clip at an image that the artist gives."""
    engine = capability(shot)
    return engine is not None and INTERPOLATION_MODE in engine.modes


def engine_items(shot: EngineFields, _context: Any) -> list[EnumItem]:
    """The drop-down's items: every engine on offer, and the stored one."""
    offered = [(engine.name, engine.label, _describe(engine)) for engine in jobs.engines]
    return enum_items(
        "engine", offered, (shot.engine_name, f"{shot.engine_name} (not on this server)", "Choose another")
    )


def get_engine(shot: EngineFields) -> int:
    """The index of the stored engine in the drop-down."""
    return index_of(engine_items(shot, None), shot.engine_name)


def set_engine(shot: EngineFields, index: int) -> None:
    """Store the engine with this index, and forget a stored size or frame count that it does not offer."""
    shot.engine_name = engine_items(shot, None)[index][0]
    set_option_defaults(shot)
    engine = capability(shot)
    if engine is None:
        return
    if (shot.clip_width, shot.clip_height) not in engine.sizes:
        shot.property_unset("clip_width")
        shot.property_unset("clip_height")
    if shot.clip_frames not in engine.frame_counts:
        shot.property_unset("clip_frames")


# --- the options of one engine ----------------------------------------------------------------------------------------

_VALUE_OF_KIND = {"bool": "bool_value", "int": "int_value", "float": "float_value", "choice": "text_value"}


def option_values(shot: EngineFields) -> dict[str, SettingValue]:
    """The values of the engine's options that the scene holds, by name; what it does not hold is left to the engine."""
    engine = capability(shot)
    return {
        option.name: getattr(value, _VALUE_OF_KIND[option.kind])
        for option in (engine.options if engine else ())
        if (value := shot.options.get(option.name)) is not None
    }


def set_option_defaults(shot: EngineFields) -> None:
    """Make the scene hold a value for each of the engine's options; values that it holds stay."""
    engine = capability(shot)
    for option in engine.options if engine else ():
        if option.name not in shot.options:
            _held(shot, option.name, _VALUE_OF_KIND[option.kind], option.default)


def use_options(shot: EngineFields, options: dict[str, SettingValue]) -> None:
    """Make the scene hold these values; options of the engine that are not among them get their defaults.

    Values of other options, as of an engine that is not on offer, are kept by their Python type.
    """
    engine = capability(shot)
    known = {option.name: option for option in engine.options} if engine else {}
    for name, option in known.items():
        _held(shot, name, _VALUE_OF_KIND[option.kind], options.get(name, option.default))
    for name in options.keys() - known.keys():
        _held(shot, name, _value_of_type(options[name]), options[name])


def _held(shot: EngineFields, name: str, attribute: str, number: SettingValue) -> None:
    value = shot.options.get(name)
    if value is None:
        value = shot.options.add()
        value.name = name
    setattr(value, attribute, number)


def _value_of_type(value: SettingValue) -> str:
    kinds = {bool: "bool_value", int: "int_value", float: "float_value", str: "text_value"}
    return kinds[type(value)]


def option_description(shot: EngineFields, name: str) -> str:
    """What an option of the chosen engine does, as the engine describes it."""
    engine = capability(shot)
    option = next((option for option in engine.options if option.name == name), None) if engine else None
    return option.description if option is not None else "A setting of an engine that is not on this server"


def clamp(option: EngineOption, value: Any) -> None:
    """Bring a number between the option's bounds; Blender's own bounds cannot change with the engine.

    Args:
        option: The engine's option, of kind "int" or "float".
        value: The RealCamEngineOption that holds the number.
    """
    attribute = _VALUE_OF_KIND[option.kind]
    number = getattr(value, attribute)
    low = number if option.minimum is None else max(number, type(number)(option.minimum))
    bounded = low if option.maximum is None else min(low, type(number)(option.maximum))
    if bounded != number:
        setattr(value, attribute, bounded)


def draw_options(layout: Any, shot: EngineFields) -> None:
    """Draw a row for each option of the engine that the scene holds a value of."""
    engine = capability(shot)
    for option in engine.options if engine else ():
        value = shot.options.get(option.name)
        if value is not None:
            _draw_option(layout, option, value)


def _draw_option(layout: Any, option: EngineOption, value: Any) -> None:
    """Draw an option, its name inside the field or above the choices: beside them half of it would be cut off."""
    row = layout.row(align=True)
    row.use_property_split = False
    if option.kind == "choice":
        row.label(text=option.label)
    else:
        row.prop(value, _VALUE_OF_KIND[option.kind], text=option.label)
    row.operator("realcam.explain_option", text="", icon="QUESTION", emboss=False).option = option.name
    if option.kind == "choice":
        choices = layout.grid_flow(row_major=True, columns=_CHOICES_A_ROW, even_columns=True, align=True)
        for choice in option.choices:
            chosen = choices.operator("realcam.choose_option", text=choice, depress=value.text_value == choice)
            chosen.option, chosen.choice = option.name, choice


def enum_items(key: str, offered: list[tuple[str, str, str]], stored: tuple[str, str, str]) -> list[EnumItem]:
    """Items as Blender takes them, kept for as long as it shows them.

    Args:
        key: Names the list.
        offered: (identifier, name, description) of each item on offer.
        stored: The same of the item that the scene holds; appended when it is not on offer.
    """
    if all(item[0] != stored[0] for item in offered):
        offered = [*offered, stored]
    items = [(*item, index) for index, item in enumerate(offered)]
    if _kept.get(key) != items:
        _kept[key] = items
    return _kept[key]


def index_of(items: list[EnumItem], identifier: str) -> int:
    """The number of the item with this identifier."""
    return next(item[3] for item in items if item[0] == identifier)


def _describe(engine: EngineCapability) -> str:
    facts = [engine.description]
    if engine.unavailable:
        facts.append(f"Cannot run here: {engine.unavailable}")
    if engine.licence:
        facts.append(f"Licence: {engine.licence}")
    return ". ".join(fact.rstrip(".") for fact in facts)
