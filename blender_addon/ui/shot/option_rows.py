"""The options of an engine in the panel: presets, the first few in sight, the rest under Expert."""

from __future__ import annotations

from typing import Any

from ...core.protocol.capability import EngineCapability, EngineOption
from ...generation.jobs import jobs
from ..engine_options import option_properties, option_values, property_name
from ..engine_presets import presets

IN_SIGHT = 6
"""How many options stand outside Expert. Which they are says the order in which the engine declares them."""


def draw_options(layout: Any, shot: Any, engine: EngineCapability) -> None:
    """Draw the folded part of the Generate panel with the engine's options.

    Args:
        layout: The panel's own layout.
        shot: `scene.realcam` (properties.RealCamShot).
        engine: The chosen engine; it has options.
    """
    header, body = layout.panel_prop(shot, "show_options")
    header.label(text="Engine Options")
    if body is None:
        return
    body.enabled = not jobs.busy
    _draw_presets(body, shot, engine)
    for option in engine.options[:IN_SIGHT]:
        _draw_option(body, shot, option)
    if len(engine.options) > IN_SIGHT:
        header, expert = body.panel_prop(shot, "show_expert")
        header.label(text="Expert")
        if expert is not None:
            expert.enabled = not jobs.busy
            for option in engine.options[IN_SIGHT:]:
                _draw_option(expert, shot, option)
    body.operator("realcam.reset_options", icon="LOOP_BACK")


def _draw_presets(layout: Any, shot: Any, engine: EngineCapability) -> None:
    """Draw a button for each preset; the one whose values the options have is pressed."""
    values = option_values(shot)
    row = layout.row(align=True)
    for preset, sets in presets(engine).items():
        chosen = all(values[name] == value for name, value in sets.items())
        button = row.operator("realcam.use_preset", text=preset.name.capitalize(), depress=chosen)
        button.preset = preset.name


def _draw_option(layout: Any, shot: Any, option: EngineOption) -> None:
    """Draw an option, its name inside the field or above the choices: beside them half of it would be cut off."""
    name = property_name(option)
    if name not in option_properties.names:
        return
    column = layout.column(align=True)
    column.use_property_split = False
    if option.kind == "choice":
        column.label(text=option.label)
        column.prop(shot, name, text="")
    else:
        column.prop(shot, name)
