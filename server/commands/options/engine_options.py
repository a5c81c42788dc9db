"""Options that set an engine's own options: `--option steps=10`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from blender_addon.core.protocol.capability import SettingValue

OptionOption = Annotated[
    list[str] | None,
    typer.Option("--option", help="NAME=VALUE, an option of the engine; repeatable. `realcam engines` lists them."),
]
NegativePromptOption = Annotated[str, typer.Option(help="What the clip shall not show, for engines that read it.")]

_WORDS = {"true": True, "false": False}


def read_options(texts: Iterable[str] | None) -> dict[str, SettingValue]:
    """The values of options by name, as bool, int, float or text by their look. The engine checks names and ranges.

    Args:
        texts: NAME=VALUE each.

    Raises:
        typer.BadParameter: one has another form.
    """
    found: dict[str, SettingValue] = {}
    for text in texts or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise typer.BadParameter(f"{text!r}: expected NAME=VALUE, for example steps=10", param_hint="--option")
        found[name] = _value(value)
    return found


def _value(text: str) -> SettingValue:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return _WORDS.get(text.lower(), text)
