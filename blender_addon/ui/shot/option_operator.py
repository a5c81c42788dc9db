"""An engine's own options: choosing one of its choices, and saying what each does.

Blender's enums cannot list them beforehand, and a property's tooltip cannot come from the engine; an operator's can.
"""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import StringProperty

from .. import engine_choice


class ChooseOption(bpy.types.Operator):
    """Use this choice"""

    bl_idname = "realcam.choose_option"
    bl_label = "Choose"
    bl_options: ClassVar[set[str]] = {"INTERNAL", "UNDO"}

    option: StringProperty(options={"HIDDEN"})
    choice: StringProperty(options={"HIDDEN"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The tooltip: what the engine says of the option."""
        return engine_choice.option_description(context.scene.realcam, properties.option)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Store it in the scene."""
        value = context.scene.realcam.options.get(self.option)
        if value is None:
            return {"CANCELLED"}
        value.text_value = self.choice
        return {"FINISHED"}


class ExplainOption(bpy.types.Operator):
    """Say what this option of the engine does"""

    bl_idname = "realcam.explain_option"
    bl_label = "What It Does"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    option: StringProperty(options={"HIDDEN"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The tooltip: what the engine says of the option."""
        return engine_choice.option_description(context.scene.realcam, properties.option)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """The same in the status bar, for those who click."""
        self.report({"INFO"}, engine_choice.option_description(context.scene.realcam, self.option))
        return {"FINISHED"}


CLASSES = (ChooseOption, ExplainOption)
