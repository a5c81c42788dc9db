"""All options of an engine at once: a preset, or the defaults."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import EnumProperty

from ..engine_choice import capability
from ..engine_options import hold, reset_options, shown
from ..engine_presets import Preset, presets
from ..operator_result import OperatorResult


class UsePreset(bpy.types.Operator):
    """Choose between a quick clip and a good one. Other options stay as they are"""

    bl_idname = "realcam.use_preset"
    bl_label = "Use Preset"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    preset: EnumProperty(
        name="Preset",
        description="How much time the engine takes for the picture",
        items=[(preset.name, preset.name.capitalize(), preset.value) for preset in Preset],
        default=Preset.BALANCED.name,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an engine with a number of steps."""
        engine = capability(context.scene.realcam)
        if engine is None or not presets(engine):
            cls.poll_message_set("This engine has no number of steps to choose")
            return False
        return True

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The tooltip: what the preset sets, under the engine's own names."""
        preset = Preset[properties.preset]
        engine = capability(context.scene.realcam)
        values = presets(engine).get(preset, {}) if engine else {}
        labels = {option.name: option.label for option in engine.options} if engine else {}
        return "\n".join([f"{preset.value}.", *(f"{labels[name]}: {shown(value)}" for name, value in values.items())])

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Store the preset's values in the scene."""
        engine = capability(context.scene.realcam)
        assert engine is not None
        hold(context.scene.realcam, presets(engine)[Preset[self.preset]])
        return {"FINISHED"}


class ResetOptions(bpy.types.Operator):
    """Give all options of the engine their defaults, those under Expert too"""

    bl_idname = "realcam.reset_options"
    bl_label = "Reset Options"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Forget what the scene holds of them."""
        reset_options(context.scene.realcam)
        return {"FINISHED"}


CLASSES = (UsePreset, ResetOptions)
