"""The question what a depth file's numbers mean: a dialog when the import meets it, and buttons in the panel."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, ClassVar

import bpy
from bpy.props import EnumProperty

from ...core.depth.depth_question import DepthAnswer, DepthQuestionError
from ..operator_result import OperatorResult
from ..text_wrap import BOX, draw_wrapped
from .depth_fields import draw_distances, set_depth_format
from .import_fields import FIELDS

EnumItem = tuple[str, str, str]

GUESS = (
    "Its metres are a guess between these two, until you set them right with Calibrate Depth: by points whose distance "
    "you know, by the floor, or by nearest and farthest."
)
"""What is said of relative depth's distances before it is imported."""

_DIALOG_WIDTH = 380
_LINE = 58
"""Letters in a line of the dialog."""


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question that an import met, and the files it is about."""

    files: tuple[str, str]
    question: DepthQuestionError
    items: list[EnumItem]
    """The answers as an EnumProperty shows them: Blender does not keep a dynamic enum's strings."""


_pending: list[_Asked] = []
"""The question met last: at most one."""


def ask_about_depth(scene: bpy.types.Scene, photo: str, fields: Any, question: DepthQuestionError) -> None:
    """Keep an import that met a question in the panel, and ask in a dialog where there is a window.

    Args:
        scene: Its panel gets the photo and the fields.
        photo: The photo's file.
        fields: PhotoImportFields of an operator or of the panel.
        question: What was met.
    """
    panel = scene.realcam.photo
    values = {name: getattr(fields, name) for name in FIELDS}
    panel.photo_path = photo
    for name, value in values.items():
        setattr(panel, name, value)
    panel.waits = True
    items = [(answer.name, answer.title, answer.description) for answer in question.answers]
    _pending[:] = [_Asked(_files(panel), question, items)]
    if not bpy.app.background and bpy.context.window is not None:
        bpy.ops.realcam.answer_depth("INVOKE_DEFAULT")


def pending_question(fields: Any) -> DepthQuestionError | None:
    """The question about the files that the panel's fields name, if an import has met one."""
    return next((asked.question for asked in _pending if asked.files == _files(fields)), None)


def forget_question() -> None:
    """The depth is imported, or another one is."""
    _pending.clear()


def _files(fields: Any) -> tuple[str, str]:
    return fields.photo_path, fields.depth_path


def draw_question(layout: Any, context: bpy.types.Context, fields: Any, question: DepthQuestionError) -> None:
    """Draw the question and a button for each answer; one press imports."""
    box = layout.box()
    draw_wrapped(box, context, f"{question.what}: {question.why}.", "QUESTION", beside=BOX)
    column = box.column()
    relative = [answer for answer in question.answers if answer.format.kind == "relative"]
    for answer in question.answers:
        if answer not in relative:
            _button(column, answer)
    if relative:
        column.separator()
        column.label(text="Relative depth. Which end is near?")
        row = column.row(align=True)
        for answer in relative:
            _button(row, answer)
        draw_wrapped(column, context, GUESS, beside=BOX)
        draw_distances(column, fields)


def _button(layout: Any, answer: DepthAnswer) -> None:
    layout.operator_context = "EXEC_DEFAULT"
    layout.operator("realcam.answer_depth", text=answer.title).answer = answer.name


def _answers(_operator: Any, _context: Any) -> list[EnumItem]:
    return _pending[0].items if _pending else [("-", "Nothing Is Asked", "")]


class AnswerDepth(bpy.types.Operator):
    """Say what the depth file's numbers mean, and import it"""

    bl_idname = "realcam.answer_depth"
    bl_label = "What Does This Depth Hold?"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    answer: EnumProperty(
        name="Answer", description="What the file's numbers mean", items=_answers, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a question about the panel's photo."""
        return pending_question(context.scene.realcam.photo) is not None

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """What the answer means."""
        question = pending_question(context.scene.realcam.photo)
        answers = question.answers if question is not None else ()
        return next((a.description for a in answers if a.name == properties.answer), cls.__doc__ or "")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask, beginning with the likeliest answer."""
        return set(context.window_manager.invoke_props_dialog(self, width=_DIALOG_WIDTH, confirm_text="Import"))

    def draw(self, context: bpy.types.Context) -> None:
        """The question, its answers, and the distances where the answer needs them."""
        layout = self.layout
        fields = context.scene.realcam.photo
        question = pending_question(fields)
        if question is None:
            layout.label(text="The depth is imported already.")
            return
        column = layout.column(align=True)
        for index, line in enumerate(textwrap.wrap(f"{question.what}: {question.why}.", _LINE)):
            column.label(text=line, icon="BLANK1" if index else "QUESTION")
        layout.column(align=True).prop(self, "answer", expand=True)
        if self._chosen(question).format.kind != "relative":
            return
        lines = layout.column(align=True)
        for line in textwrap.wrap(GUESS, _LINE):
            lines.label(text=line)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        draw_distances(column, fields)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Let the panel's fields say it, and import as its button does."""
        fields = context.scene.realcam.photo
        question = pending_question(fields)
        if question is None:
            return {"CANCELLED"}
        chosen = self._chosen(question)
        set_depth_format(fields, chosen.format)
        fields.trust_scale = fields.trust_scale or chosen.trust
        if chosen.format.kind == "disparity" and not chosen.trust:
            forget_question()
            self.report({"WARNING"}, "Type the stereo camera's numbers under Depth in the panel, then press Import")
            return {"FINISHED"}
        values = {name: getattr(fields, name) for name in FIELDS}
        return set(bpy.ops.realcam.import_photo("EXEC_DEFAULT", filepath=fields.photo_path, **values))

    def _chosen(self, question: DepthQuestionError) -> DepthAnswer:
        return next((one for one in question.answers if one.name == self.answer), question.answers[0])


CLASSES = (AnswerDepth,)
