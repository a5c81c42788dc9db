"""`realcam engines`."""

from __future__ import annotations

from rich.text import Text

from blender_addon.core.protocol.capability import EngineCapability, EngineOption
from blender_addon.core.protocol.engine_comparison import fact_sentences
from server.engines.registry import capabilities
from server.terminal.plain_console import PlainConsole, PlainTable


def engines() -> None:
    """What each engine of this installation can do, and the options that `--option` sets."""
    console = PlainConsole()
    for engine in capabilities():
        state = engine.state
        console.print(Text.assemble((engine.name, "bold"), f"  {engine.label}: {state}"))
        console.print(engine.description, style="dim")
        console.print(_clips(engine), style="dim")
        for sentence in fact_sentences(engine):
            console.print(sentence, style="dim")
        console.print(_options(engine))


def _clips(engine: EngineCapability) -> str:
    """A sentence with the sizes, modes and frame count of an engine's clips."""
    sizes = ", ".join(f"{width} x {height}" for width, height in engine.sizes)
    return f"Sizes {sizes}; modes {', '.join(engine.modes)}; {engine.frame_counts[0]} frames unless told otherwise."


def _options(engine: EngineCapability) -> PlainTable:
    table = PlainTable("option", "values", "default", "what it does", show_edge=False)
    for option in engine.options:
        table.add_row(option.name, _values(option), str(option.default), option.description)
    return table


def _values(option: EngineOption) -> str:
    if option.kind == "choice":
        return ", ".join(option.choices)
    if option.kind == "bool":
        return "true, false"
    low, high = ("" if bound is None else f"{bound:g}" for bound in (option.minimum, option.maximum))
    return f"{low} to {high}"
