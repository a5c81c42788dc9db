"""A row of the list of takes, as the .blend keeps it."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty, StringProperty


class RealCamTakeItem(bpy.types.PropertyGroup):
    """A row of the list of takes: which take it stands for. The take itself is the scene's own record."""

    shot: StringProperty(name="Shot", description="The shot whose clip this is")
    number: IntProperty(name="Take", description="The number of the take, from 1")
