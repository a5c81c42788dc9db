"""A row of the list of takes, as the .blend keeps it."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty, StringProperty


class RealCamTakeItem(bpy.types.PropertyGroup):
    """A row of the list of takes: which take it stands for. The take itself is the scene's own record."""

    shot: StringProperty()
    number: IntProperty()
