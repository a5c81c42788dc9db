"""The options of the servers' engines, as properties of `scene.realcam`.

The .blend keeps their values in a collection, by name (properties.RealCamEngineOption), and so does not change when a
server offers other options. The panel shows properties that read and write that collection. They are made when a
server has answered, with the default, bounds, choices and words that it gives, so that Blender's tooltip says them and
Backspace over a field gives the default. As long as the add-on is registered no property is changed or removed, since
a button on screen may point to it: an option that a server describes differently gets another property.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ..core.errors import EngineError
from ..core.protocol.capability import EngineCapability, EngineOption, SettingValue
from ..core.protocol.engine_checks import checked_option
from .engine_choice import EngineFields, capability
from .engine_presets import bounded
from .guarded_operators import guarded_property

PREFIX = "option_"
"""What the names of these properties begin with."""

_NAME_LENGTH = 32
"""Characters of an option's name in its property's: Blender's names end at 63."""

_VALUE_OF_KIND = {"bool": "bool_value", "int": "int_value", "float": "float_value", "choice": "text_value"}
_VALUE_OF_TYPE = {bool: "bool_value", int: "int_value", float: "float_value", str: "text_value"}


# --- values -----------------------------------------------------------------------------------------------------------


def value_of(shot: EngineFields, option: EngineOption) -> SettingValue:
    """The value that counts: what the scene holds, brought within the option's bounds, else the default."""
    stored = shot.options.get(option.name)
    attribute = _VALUE_OF_KIND[option.kind]
    if stored is None or not stored.is_property_set(attribute):
        return option.default
    value: SettingValue = getattr(stored, attribute)
    if option.kind == "choice":
        return value if value in option.choices else option.default
    return value if isinstance(value, bool | str) else bounded(option, value)


def option_values(shot: EngineFields) -> dict[str, SettingValue]:
    """The value of each option of the chosen engine by name; empty when it is not on offer."""
    return values_on(shot, _options(shot))


def values_on(shot: EngineFields, options: Iterable[EngineOption]) -> dict[str, SettingValue]:
    """The value of each of these options by name, whichever engine has them."""
    return {option.name: value_of(shot, option) for option in options}


def chosen_notes(shot: EngineFields) -> tuple[str, ...]:
    """What to know of the choices that the artist made, where they are not the defaults."""
    values = ((option, value_of(shot, option)) for option in _options(shot))
    notes = (option.note_of(value) for option, value in values if value != option.default)
    return tuple(note for note in notes if note)


def hold(shot: EngineFields, values: dict[str, SettingValue]) -> None:
    """Make the scene hold these values.

    Values of options that the chosen engine does not have, as when it is not on offer, are kept by their Python type.
    """
    known = {option.name: option for option in _options(shot)}
    for name, value in values.items():
        attribute = _VALUE_OF_KIND[known[name].kind] if name in known else _VALUE_OF_TYPE[type(value)]
        _store(shot, name, attribute, value)


def use_options(shot: EngineFields, options: dict[str, SettingValue]) -> None:
    """Make the scene hold the values of a shot's options; what the shot does not say gets the value that it means."""
    reset_options(shot)
    meant = {option.name: option.meant for option in _options(shot) if option.meant != option.default}
    hold(shot, meant | options)


def reset_options(shot: EngineFields) -> None:
    """Give each option of the chosen engine its default."""
    for option in _options(shot):
        index = shot.options.find(option.name)
        if index >= 0:
            shot.options.remove(index)


def _options(shot: EngineFields) -> tuple[EngineOption, ...]:
    engine = capability(shot)
    return engine.options if engine else ()


def _store(shot: EngineFields, name: str, attribute: str, value: SettingValue) -> None:
    stored = shot.options.get(name)
    if stored is None:
        stored = shot.options.add()
        stored.name = name
    setattr(stored, attribute, value)


# --- properties -------------------------------------------------------------------------------------------------------


class OptionProperties:
    """The properties of one property group that stand for engines' options.

    Attributes:
        names: The properties made since the group was registered.
    """

    def __init__(self) -> None:
        self._group: Any = None
        self.names: set[str] = set()

    def register(self, group: Any) -> None:
        """Let options be offered on this property group."""
        self._group = group

    def unregister(self) -> None:
        """Remove the properties, before their group is unregistered."""
        for name in self.names:
            delattr(self._group, name)
        self.names = set()
        self._group = None

    def offer(self, engines: Iterable[EngineCapability]) -> None:
        """Make a property for each option of these engines that has none yet. Not while Blender draws."""
        for option in (option for engine in engines for option in engine.options):
            name = property_name(option)
            if name in self.names:
                continue
            # The server itself refuses a clip of an engine that declares a default it does not allow.
            with suppress(EngineError):
                made = _property(option, checked_option(option, option.default))
                setattr(self._group, name, guarded_property(option.label, made))
                self.names.add(name)


option_properties = OptionProperties()
"""Those of properties.RealCamShot."""


@lru_cache(maxsize=256)
def property_name(option: EngineOption) -> str:
    """The name of an option's property; another one when anything of the option is different."""
    digest = hashlib.sha256(msgspec.json.encode(option)).hexdigest()[:8]
    return f"{PREFIX}{re.sub(r'[^A-Za-z0-9_]', '_', option.name)[:_NAME_LENGTH]}_{digest}"


def _property(option: EngineOption, default: SettingValue) -> Any:
    """The property as Blender registers it. It is not animated: an engine has one value for a clip."""

    def get(shot: Any) -> Any:
        value = value_of(shot, option)
        return option.choices.index(str(value)) if option.kind == "choice" else value

    def store(shot: Any, value: Any) -> None:
        if option.kind == "choice":
            value = option.choices[value]
        elif option.kind != "bool":
            value = bounded(option, value)
        _store(shot, option.name, _VALUE_OF_KIND[option.kind], value)

    common: dict[str, Any] = {
        "name": option.label,
        "description": f"{option.description.rstrip('.')}.\nDefault: {shown(default)}",
        "options": set(),
        "get": get,
        "set": store,
        "default": default,
    }
    if option.kind == "bool":
        return BoolProperty(**common)
    if option.kind == "choice":
        choices = [(choice, choice, option.note_of(choice), index) for index, choice in enumerate(option.choices)]
        return EnumProperty(items=choices, **common)
    number = int if option.kind == "int" else float
    ends = (("min", option.minimum), ("max", option.maximum))
    common |= {end: number(value) for end, value in ends if value is not None}
    return IntProperty(**common) if option.kind == "int" else FloatProperty(precision=3, step=10, **common)


def shown(value: SettingValue) -> str:
    """A value in words, as a tooltip says it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:g}"
