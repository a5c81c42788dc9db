"""Choosing one of an engine's own choices, which no Blender enum can list beforehand."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import StringProperty


class ChooseOption(bpy.types.Operator):
    """Use this choice"""

    bl_idname = "realcam.choose_option"
    bl_label = "Choose"
    bl_options: ClassVar[set[str]] = {"INTERNAL", "UNDO"}

    option: StringProperty(options={"HIDDEN"})
    choice: StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Store it in the scene."""
        value = context.scene.realcam.options.get(self.option)
        if value is None:
            return {"CANCELLED"}
        value.text_value = self.choice
        return {"FINISHED"}


CLASSES = (ChooseOption,)
