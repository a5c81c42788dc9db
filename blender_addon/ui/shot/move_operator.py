"""Named camera moves as ordinary keyframes, a starting point for the graph editor."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import bpy
from bpy.props import EnumProperty, FloatProperty

from ...core.camera.moves import MOVES, MoveParameter, fitting_values
from ...scene import find_photo_scene
from ...shot import bake_move
from ...shot.shot_camera import shot_camera
from ..lengths.length_fields import draw_length
from ..operator_result import OperatorResult

_EASINGS = (
    ("ease", "Soft", "Start and stop softly"),
    ("linear", "Even", "The same speed all along"),
    ("ease_in", "Soft Start", "Start softly, stop at once"),
    ("ease_out", "Soft Stop", "Start at once, stop softly"),
)


def _shown(parameter: MoveParameter, value: float) -> float:
    """A move's value as Blender's field holds it: angles in radians."""
    return math.radians(value) if parameter.unit == "degrees" else value


def _label(parameter: MoveParameter) -> str:
    # Not a length of Blender's, which a scene's Unit Scale converts.
    return f"{parameter.label} (m)" if parameter.unit == "metres" else parameter.label


def _as_property(parameter: MoveParameter) -> Any:
    subtype = "ANGLE" if parameter.unit == "degrees" else "NONE"
    return FloatProperty(
        name=_label(parameter),
        description=parameter.description,
        subtype=subtype,
        default=_shown(parameter, parameter.default),
        min=_shown(parameter, parameter.minimum),
        max=_shown(parameter, parameter.maximum),
        precision=3,
    )


def _camera(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The camera that the shot begins with."""
    return shot_camera(scene, scene.realcam.frame_range()[0])


def _move_chosen(operator: AddMove, context: bpy.types.Context) -> None:
    """Begin with the move's own numbers, as large as the photo's scene is."""
    photo = find_photo_scene(context.scene)
    facts = None if photo is None else photo.facts
    move = MOVES[operator.move]
    values = move.defaults if facts is None else fitting_values(move.name, facts.nearest, operator.pivot)
    for parameter in move.parameters:
        if parameter.name != "pivot":
            setattr(operator, parameter.name, _shown(parameter, values[parameter.name]))


class AddMove(bpy.types.Operator):
    """Key the camera with a named move over the shot, from where it stands at the first frame"""

    bl_idname = "realcam.add_move"
    bl_label = "Add Camera Move"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    move: EnumProperty(
        name="Move",
        description="The move to begin with",
        items=tuple((move.name, move.label, move.description) for move in MOVES.values()),
        default="orbit",
        update=_move_chosen,
    )
    easing: EnumProperty(name="Speed", description="How the move starts and stops", items=_EASINGS, default="ease")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a camera of the artist's own."""
        camera = _camera(context.scene)
        if camera is None or camera.type != "CAMERA":
            cls.poll_message_set("The scene has no active camera")
            return False
        photo = find_photo_scene(context.scene)
        if photo is None:
            cls.poll_message_set("Import a photo first: moves are measured in its metres")
            return False
        if photo.camera == camera:
            cls.poll_message_set("This camera took the photo: make a camera of your own the active one")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """The pivot begins at what stands in the middle of the photo; the dialog asks for the rest."""
        photo = find_photo_scene(context.scene)
        if photo is not None:
            self.pivot = round(photo.subject_distance(), 2)
        _move_chosen(self, context)
        return set(context.window_manager.invoke_props_dialog(self, width=320))

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Write the keyframes."""
        scene = context.scene
        first, last = scene.realcam.frame_range()
        camera = _camera(scene)
        assert camera is not None
        keys = bake_move(scene, camera, self.move, self._values(), first, last, easing=self.easing)
        self.report({"INFO"}, f"{MOVES[self.move].label}: {keys} keyframes on {camera.name}")
        return {"FINISHED"}

    def draw(self, _context: bpy.types.Context) -> None:
        """The move, its own numbers, the speed."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "move")
        for parameter in MOVES[self.move].parameters:
            if parameter.unit == "metres":
                draw_length(layout, self, parameter.name, _label(parameter))
            else:
                layout.prop(self, parameter.name, text=_label(parameter))
        layout.prop(self, "easing")

    def _values(self) -> dict[str, float]:
        return {
            parameter.name: math.degrees(value) if parameter.unit == "degrees" else value
            for parameter in MOVES[self.move].parameters
            for value in (getattr(self, parameter.name),)
        }


# One field for each parameter name of any move: moves that share a name share the field.
for _move in MOVES.values():
    for _parameter in _move.parameters:
        AddMove.__annotations__.setdefault(_parameter.name, _as_property(_parameter))

CLASSES = (AddMove,)
