"""A row of the list of takes, as the .blend keeps it, and the take that it stands for."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty, StringProperty

from ...core.errors import RealCamError
from ...timeline.take import Take
from ...timeline.takes import change_take, takes_of


def readable_takes(scene: bpy.types.Scene) -> tuple[Take, ...]:
    """The scene's takes; none when its list was written by another version, which Find Takes mends."""
    try:
        return takes_of(scene)
    except RealCamError:
        return ()


def find_take(scene: bpy.types.Scene, shot: str, number: int) -> Take | None:
    """The scene's take with this shot and number, None when there is none."""
    return next((take for take in readable_takes(scene) if (take.shot, take.number) == (shot, number)), None)


def _title(row: RealCamTakeItem) -> str:
    take = find_take(row.id_data, row.shot, row.number)
    return take.name if take is not None else ""


def _set_title(row: RealCamTakeItem, title: str) -> None:
    take = find_take(row.id_data, row.shot, row.number)
    if take is not None:
        change_take(row.id_data, take, name=title.strip())


class RealCamTakeItem(bpy.types.PropertyGroup):
    """A row of the list of takes: which take it stands for. The take itself is the scene's own record."""

    shot: StringProperty(name="Shot", description="The shot whose clip this is")
    number: IntProperty(name="Take", description="The number of the take, from 1")
    title: StringProperty(
        name="Name",
        description="What you call this take. It stands in the list and is kept with the take's files",
        maxlen=64,
        get=_title,
        set=_set_title,
    )
