"""How large a metre is in a scene: the one place where a scene's Unit Scale and a photo's metres meet.

A photo's mesh holds metres, and so do RealCam's fields, whatever the scene's units: no field of RealCam is a length of
Blender's, which would be converted by the Unit Scale. The scale of the photo's mesh object says how many Blender units
a metre is drawn as; poses are divided by it.
"""

from __future__ import annotations

import bpy


def units_of_a_metre(scene: bpy.types.Scene) -> float:
    """How many Blender units are a metre, as the scene shows lengths: 100 at a Unit Scale of 0.01."""
    units = scene.unit_settings
    # Without a system of units Blender shows plain numbers, and no Unit Scale counts.
    return 1.0 if units.system == "NONE" else 1.0 / float(units.scale_length)


def units_apart(scene: bpy.types.Scene, units: float) -> float:
    """How many times larger a photo is to be drawn for Blender to show its metres as they are.

    Args:
        scene: For its Unit Scale.
        units: Blender units that a metre of the photo is drawn as.
    """
    return units_of_a_metre(scene) / units


def drawn_otherwise(scene: bpy.types.Scene, units: float) -> str | None:
    """What is told where Blender shows a photo's metres as other lengths; None where it shows them as they are.

    Args:
        scene: For its Unit Scale. At 1, a photo of another size was scaled by the artist, who knows it.
        units: Blender units that a metre of the photo is drawn as.
    """
    wanted = units_of_a_metre(scene)
    if wanted == 1 or abs(units / wanted - 1) < 1e-3:
        return None
    shown = bpy.utils.units.to_string(scene.unit_settings.system, "LENGTH", units / wanted, precision=4)
    return (
        f"With the scene's Unit Scale, Blender shows a metre of this photo as {shown}. Shots and RealCam's fields "
        "count the photo's metres."
    )
