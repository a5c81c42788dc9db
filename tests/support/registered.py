"""Everything of ours that Blender knows: operators and properties, as a tooltip or the manual sees them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

OWN = ("blender_addon", "bl_ext")


def _ours(base: type) -> list[Any]:
    """The registered classes of the add-on below one of Blender's, through classes of its own too."""
    found = []
    for cls in base.__subclasses__():
        if cls.__module__.startswith(OWN) and getattr(cls, "is_registered", False):
            found.append(cls)
        found += _ours(cls)
    return found


def our_operators(bpy: ModuleType) -> list[tuple[str, Any]]:
    """(name as `realcam.generate`, RNA) of each operator."""
    names = [cls.bl_idname for cls in _ours(bpy.types.Operator)]
    return [(name, getattr(bpy.ops.realcam, name.removeprefix("realcam.")).get_rna_type()) for name in names]


def is_ours(prop: Any) -> bool:
    """Whether a property is declared by the add-on."""
    return bool(prop.is_runtime) and not prop.identifier.startswith("option_")


def our_properties(bpy: ModuleType) -> list[tuple[str, Any]]:
    """(name of the group that holds it, RNA) of each property that the artist may see: groups and preferences.

    Engines' options are left out: their words are a server's.
    """
    groups = [cls for base in (bpy.types.PropertyGroup, bpy.types.AddonPreferences) for cls in _ours(base)]
    return [(cls.__name__, prop) for cls in groups for prop in cls.bl_rna.properties if is_ours(prop)]
