"""The engine of a shot as a drop-down of what the server offers.

The scene stores its name, so that a .blend keeps its choice when a server offers other things.
A stored choice that is not on offer stays in the list, and is refused with an error before anything is rendered.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..core.protocol.capability import INTERPOLATION_MODE, EngineCapability
from ..generation.jobs import jobs

EnumItem = tuple[str, str, str, int]
"""(identifier, name, description, number) of an item, as Blender takes it."""

_kept: dict[str, list[EnumItem]] = {}
"""The items last given for each list: Blender does not keep a dynamic enum's strings, and needs them while shown."""


class EngineFields(Protocol):
    """What this module and engine_options read and write of `scene.realcam` (properties.RealCamShot)."""

    engine_name: str
    also_engines: str
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


def also_engines(shot: EngineFields) -> tuple[EngineCapability, ...]:
    """The engines beside the chosen one that the same shot is sent to: those of the stored ones that are on offer."""
    stored = shot.also_engines.split()
    return tuple(engine for engine in jobs.engines if engine.name in stored and engine.name != shot.engine_name)


def switch_also(shot: EngineFields, name: str) -> None:
    """Send the shot to the engine of this name too, or no longer."""
    stored = shot.also_engines.split()
    shot.also_engines = " ".join([one for one in stored if one != name] if name in stored else [*stored, name])


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
    engine = capability(shot)
    if engine is None:
        return
    if (shot.clip_width, shot.clip_height) not in engine.sizes:
        shot.property_unset("clip_width")
        shot.property_unset("clip_height")
    if shot.clip_frames not in engine.frame_counts:
        shot.property_unset("clip_frames")


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
