"""The fields of Ground and Walls: each shows a number of the photo's stored layout, and builds the mesh when set.

Nothing is kept here but which part is selected: the layout itself is stored on the photo.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from msgspec.structs import replace

from ...core.depth.layout.layout import MIXINGS, DepthLayout
from ...core.depth.layout.layout_edits import with_cut_out_changed, with_ground, with_wall_changed
from ...core.errors import RealCamError
from ...scene import PhotoScene, find_photo_scene
from ...scene.editing.depth_layout import lay_out, layout_in_metres

Changes = Callable[[DepthLayout, Any], DepthLayout]

PARTS = (("WALL", "Wall", "A wall"), ("CUT_OUT", "Cut-Out", "A cut-out"))
_MIXING_NAMES = [name for name, _, _ in MIXINGS]


def current_layout(scene: bpy.types.Scene) -> tuple[PhotoScene, DepthLayout] | None:
    """The photo that is worked on and its layout in metres; None when there is none, or it cannot be read."""
    photo = find_photo_scene(scene)
    try:
        layout = None if photo is None else layout_in_metres(photo)
    except RealCamError:
        return None
    return None if photo is None or layout is None else (photo, layout)


def selected_part(fields: RealCamLayoutFields, layout: DepthLayout) -> Any | None:
    """The wall or the cut-out that is selected; None when there is no such part."""
    parts = layout.walls if fields.part == "WALL" else layout.cut_outs
    return parts[fields.part_index] if 0 <= fields.part_index < len(parts) else None


def _getter(shown: Callable[[RealCamLayoutFields, DepthLayout], Any], otherwise: Any) -> Callable[[Any], Any]:
    def get(fields: RealCamLayoutFields) -> Any:
        found = current_layout(fields.id_data)
        value = None if found is None else shown(fields, found[1])
        return otherwise if value is None else value

    return get


def _setter(changed: Callable[[RealCamLayoutFields, DepthLayout, Any], DepthLayout]) -> Callable[[Any, Any], None]:
    def set_value(fields: RealCamLayoutFields, value: Any) -> None:
        found = current_layout(fields.id_data)
        if found is None:
            return
        photo, layout = found
        try:
            lay_out(fields.id_data, photo, changed(fields, layout, value))
        except RealCamError as error:
            # A field cannot report: the panel shows it until the next change.
            fields.refused = error.sentence
        else:
            fields.refused = ""

    return set_value


def _or_none(value: float) -> float | None:
    """What a field stores in which 0 stands for none."""
    return value or None


def _of_ground(name: str, otherwise: float, to_stored: Callable[[float], float | None] = float) -> dict[str, Any]:
    """The accessors of a number of the ground."""
    return {
        "get": _getter(lambda _, layout: getattr(layout.ground, name, None), otherwise),
        "set": _setter(lambda _, layout, value: with_ground(layout, **{name: to_stored(value)})),
    }


def _of_horizon(side: int) -> dict[str, Any]:
    def changed(_fields: RealCamLayoutFields, layout: DepthLayout, value: float) -> DepthLayout:
        left, right = layout.ground.horizon if layout.ground is not None else (0.5, 0.5)
        return with_ground(layout, horizon=(left, value) if side else (value, right))

    return {
        "get": _getter(lambda _, layout: layout.ground.horizon[side] if layout.ground is not None else None, 0.5),
        "set": _setter(changed),
    }


def _of_layout(name: str) -> dict[str, Any]:
    return {
        "get": _getter(lambda _, layout: getattr(layout, name), 0.0),
        "set": _setter(lambda _, layout, value: replace(layout, **{name: _or_none(value)})),
    }


def _of_part(name: str, otherwise: Any, to_shown: Any = None, to_stored: Any = None) -> dict[str, Any]:
    """The accessors of something of the selected wall or cut-out."""

    def shown(fields: RealCamLayoutFields, layout: DepthLayout) -> Any:
        value = getattr(selected_part(fields, layout), name, None)
        return value if value is None or to_shown is None else to_shown(value)

    def changed(fields: RealCamLayoutFields, layout: DepthLayout, value: Any) -> DepthLayout:
        if selected_part(fields, layout) is None:
            return layout
        stored = value if to_stored is None else to_stored(value)
        edit = with_wall_changed if fields.part == "WALL" else with_cut_out_changed
        return edit(layout, fields.part_index, **{name: stored})

    return {"get": _getter(shown, otherwise), "set": _setter(changed)}


def _set_mixing(_fields: RealCamLayoutFields, layout: DepthLayout, value: int) -> DepthLayout:
    return replace(layout, mixing=MIXINGS[value][0])


class RealCamLayoutFields(bpy.types.PropertyGroup):
    """The layout of the photo that is worked on, as fields."""

    horizon_left: FloatProperty(
        name="Horizon Left",
        description="Where the horizon meets the photo's left edge, as a share of the photo's height from its top: 0 "
        "is the top, 1 the bottom. May lie outside the photo",
        soft_min=-0.5,
        soft_max=1.5,
        step=1,
        precision=3,
        **_of_horizon(0),
    )
    horizon_right: FloatProperty(
        name="Right",
        description="Where the horizon meets the photo's right edge, as a share of the photo's height from its top: 0 "
        "is the top, 1 the bottom. May lie outside the photo",
        soft_min=-0.5,
        soft_max=1.5,
        step=1,
        precision=3,
        **_of_horizon(1),
    )
    camera_height: FloatProperty(
        name="Camera Height (m)",
        description="Height of the camera above the ground: some 1.6 m from the eye of someone who stands. It says how "
        "large everything in the photo is",
        min=0.0,
        soft_min=0.1,
        soft_max=20.0,
        step=5,
        precision=3,
        **_of_ground("camera_height", 1.6),
    )
    ceiling: FloatProperty(
        name="Ceiling (m)",
        description="Height of a ceiling above the ground. 0: there is none",
        min=0.0,
        soft_max=20.0,
        step=5,
        **_of_ground("ceiling", 0.0, _or_none),
    )
    farthest: FloatProperty(
        name="Farthest (m)",
        description="Distance of the backdrop: where nothing stands, and where ground and walls go on beyond it. 0: "
        "left open",
        min=0.0,
        soft_max=1000.0,
        step=100,
        **_of_layout("farthest"),
    )
    mixing: EnumProperty(
        name="Other Depth",
        description="What becomes of the depth that the photo had before",
        items=[(name.upper(), title, description) for name, title, description in MIXINGS],
        get=_getter(lambda _, layout: _MIXING_NAMES.index(layout.mixing), 0),
        set=_setter(_set_mixing),
    )
    part: EnumProperty(name="Part", description="Kind of the selected part", items=PARTS, options={"HIDDEN"})
    part_index: IntProperty(options={"HIDDEN"})
    part_name: StringProperty(name="Name", description="Name of the selected wall or cut-out", **_of_part("name", ""))
    wall_height: FloatProperty(
        name="Wall Height (m)",
        description="Height of the selected wall. 0: it has no upper edge in the photo",
        min=0.0,
        soft_max=20.0,
        step=5,
        **_of_part("height", 0.0, to_stored=_or_none),
    )
    distance: FloatProperty(
        name="Distance (m)",
        description="From the camera to the selected cut-out's plane, along the viewing axis. 0: where its foot "
        "touches the ground",
        min=0.0,
        soft_max=100.0,
        step=5,
        **_of_part("distance", 0.0, to_stored=_or_none),
    )
    turn: FloatProperty(
        name="Turn",
        description="How far the selected cut-out's plane is turned about its upright axis, counter-clockwise seen "
        "from above. At 0 it faces the camera",
        subtype="ANGLE",
        soft_min=-math.pi / 3,
        soft_max=math.pi / 3,
        **_of_part("turn", 0.0, math.radians, math.degrees),
    )
    stands_at: FloatProperty(
        name="Stands At (m)",
        description="Height above the ground of what the selected cut-out stands on, a table's top for example",
        min=0.0,
        soft_max=3.0,
        step=5,
        **_of_part("height", 0.0),
    )
    lying: BoolProperty(
        name="Lies Level",
        description="The selected cut-out is level, as a table's top is, instead of upright",
        **_of_part("lying", False),
    )
    is_open: BoolProperty(name="Ground and Walls", description="Show ground, walls and cut-outs", options={"HIDDEN"})
    refused: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
