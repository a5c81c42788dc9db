"""Fields that take "6ft" or "170cm": each field of metres has a twin of Blender's unit LENGTH, which is drawn.

Scripts, files and presets know the field of metres alone. The twin holds nothing: Blender converts what is typed to its
units by the scene's Unit Scale, and the twin these to metres, at the one door of scene/units.py.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

import bpy
from bpy.props import FloatProperty

from ...scene.units import units_of_a_metre
from ..guarded_operators import declaring_classes

IN_METRES = " (m)"
"""What the name of every field of metres ends with."""
AS_LENGTH = "_as_length"
"""What is added to the identifier of a field for that of its twin."""


def with_lengths(classes: Iterable[type]) -> tuple[type, ...]:
    """The classes, not registered yet, each field of metres of theirs and of their mixins with its twin."""
    found = tuple(classes)
    for cls in found:
        for base in declaring_classes(cls):
            base.__annotations__.update(_twins(base))
    return found


def draw_length(layout: Any, holder: Any, name: str, text: str | None = None) -> None:
    """Draw a field of metres in the scene's units; in a scene without units, in metres.

    Args:
        layout: Where.
        holder: What has the field.
        name: Its identifier.
        text: Its label; None for its own.
    """
    declared = holder.bl_rna.properties[name].name if text is None else text
    if bpy.context.scene.unit_settings.system == "NONE":
        layout.prop(holder, name, text=declared)
    else:
        layout.prop(holder, name + AS_LENGTH, text=declared.removesuffix(IN_METRES))


def _twins(base: type) -> dict[str, Any]:
    found = {}
    for name, declared in typing.get_type_hints(base).items():
        keywords = getattr(declared, "keywords", None)
        is_own = name in vars(base)["__annotations__"]
        if is_own and isinstance(keywords, dict) and str(keywords.get("name", "")).endswith(IN_METRES):
            found[name + AS_LENGTH] = _twin(name, keywords)
    return found


def _twin(name: str, keywords: dict[str, Any]) -> Any:
    def get(self: Any) -> float:
        return float(getattr(self, name) * units_of_a_metre(_scene_of(self)))

    def store(self: Any, length: float) -> None:
        setattr(self, name, length / units_of_a_metre(_scene_of(self)))

    signed = keywords.get("min", -1.0) < 0
    return FloatProperty(
        name=keywords["name"].removesuffix(IN_METRES),
        description=keywords.get("description", ""),
        unit="LENGTH",
        precision=4,
        get=get,
        set=store,
        options={"SKIP_SAVE", "HIDDEN"},
        **({} if signed else {"min": 0.0}),
    )


def _scene_of(holder: Any) -> bpy.types.Scene:
    """The scene whose units count: the holder's own, else the one that is shown."""
    owner = holder.id_data
    return owner if isinstance(owner, bpy.types.Scene) else bpy.context.scene
