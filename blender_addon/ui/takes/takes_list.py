"""The list of takes in the panel, and what can be done with one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import bpy
from bpy.props import IntProperty, StringProperty

from ...camera_check.achieved_camera import remove_achieved_camera
from ...core.file_paths import file_name
from ...core.protocol.capability import SettingValue
from ...generation.jobs import jobs
from ...timeline.shown_take import show_take, shown_number, where_shown
from ...timeline.take import Take
from ...timeline.takes import forget_take, recover_takes
from ..engine_options import use_options
from ..operator_result import OperatorResult
from .take_files import take_files, take_folder_seen
from .take_item import RealCamTakeItem, find_take, readable_takes
from .thumbnails import thumbnails


def refresh_takes(scene: bpy.types.Scene, select: Take | None = None) -> None:
    """Make the list's rows those of the scene's takes, and select one.

    Args:
        scene: The scene.
        select: The take to select; None for the newest.
    """
    rows = scene.realcam.takes
    rows.clear()
    takes = readable_takes(scene)
    for take in takes:
        row = rows.add()
        row.shot, row.number = take.shot, take.number
        row.name = take.label
    scene.realcam.take_index = max(len(takes) - 1, 0)
    if select is not None:
        select_take(scene, select)


def select_take(scene: bpy.types.Scene, take: Take) -> None:
    """Select a take's row, if the list has one."""
    for index, row in enumerate(scene.realcam.takes):
        if (row.shot, row.number) == (take.shot, take.number):
            scene.realcam.take_index = index


def selected_take(scene: bpy.types.Scene) -> Take | None:
    """The take whose row is selected, None when there is none."""
    shot = scene.realcam
    if not 0 <= shot.take_index < len(shot.takes):
        return None
    row = shot.takes[shot.take_index]
    return find_take(scene, row.shot, row.number)


def thumbnail(take: Take) -> int:
    """The icon of the take's picture, 0 for none."""
    place = take_folder_seen(take)
    return thumbnails.of_file(place / take.thumbnail) if place is not None else 0


def row_text(take: Take, several_shots: bool, now: datetime) -> str:
    """A take in a few words, the number first so that a narrow list still tells takes apart: `8  draft  14:32`.

    Args:
        take: The take.
        several_shots: Whether the list holds takes of several shots, so that the shot must be said.
        now: The time, with its zone; takes of another day are told by the day.
    """
    words = [str(take.number), take.shot if several_shots else "", take.name or take.settings.engine]
    if take.created:
        made = datetime.fromisoformat(take.created).astimezone(now.tzinfo)
        words.append(f"{made:%H:%M}" if made.date() == now.date() else f"{made.day} {made:%b}")
    return "  ".join(word for word in words if word)


def settings_line(take: Take) -> str:
    """What made a take, in a line; options at the engine's defaults are left out."""
    kind = " (draft)" if take.draft and take.settings.engine != "draft" else ""
    facts = [f"{take.settings.engine}{kind}", f"{take.width}×{take.height}", f"{take.frames} fr"]
    facts.append(f"seed {take.settings.seed}")
    if take.last_image:
        facts.append(f"ends at {file_name(take.last_image)}")
    engine = jobs.engine(take.settings.engine)
    defaults = {option.name: _said(option.default) for option in engine.options} if engine else {}
    said = {name: _said(value) for name, value in sorted(take.settings.options.items())}
    return " · ".join(facts + [f"{name} {value}" for name, value in said.items() if value != defaults.get(name)])


def _said(value: SettingValue) -> str:
    """A value as text."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


class TakesList(bpy.types.UIList):
    """Thumbnail, number, engine and time of each take, the artist's stars, and an open eye at the one that is shown."""

    bl_idname = "REALCAM_UL_takes"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: Any,
        _data: Any,
        item: RealCamTakeItem,
        _icon: int,
        _active_data: Any,
        _active_property: str,
    ) -> None:
        """One row."""
        scene = context.scene
        take = find_take(scene, item.shot, item.number)
        if take is None:
            layout.label(text=f"{item.number}  no record", icon="ERROR")
            return
        several = len({row.shot for row in scene.realcam.takes}) > 1
        text = row_text(take, several, datetime.now(UTC).astimezone())
        row = layout.row(align=True)
        icon = thumbnail(take)
        if icon:
            row.label(text=text, translate=False, icon_value=icon)
        elif take_files(take) is None:
            row.label(text=text, translate=False, icon="TIME")
        else:
            row.label(text=f"{text}  files missing", icon="ERROR")
        if take.rating:
            stars = row.row()
            stars.ui_units_x = 2
            stars.label(text=str(take.rating), icon="SOLO_ON")
        shown = shown_number(scene, take.shot) == take.number
        show = row.operator("realcam.put_back_take", text="", icon="HIDE_OFF" if shown else "HIDE_ON", emboss=False)
        show.shot, show.number = take.shot, take.number


class TakeOperator:
    """Mixed into an operator that works on the selected take."""

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        """Only with a take selected."""
        if context.scene is None or selected_take(context.scene) is None:
            cls.poll_message_set("No take is selected")
            return False
        return True


class PutBackTake(TakeOperator, bpy.types.Operator):
    """Show this take in the sequencer, and wherever else the clip is shown, instead of the present one"""

    bl_idname = "realcam.put_back_take"
    bl_label = "Show This Take"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    shot: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    number: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Give the shot's strips the pictures of this take: the one of `shot` and `number`, else the selected."""
        scene = context.scene
        take = find_take(scene, self.shot, self.number) if self.number else selected_take(scene)
        if take is None:
            self.report({"ERROR"}, "This take has no record: press Find Takes")
            return {"CANCELLED"}
        shot = scene.realcam
        show_take(scene, take, background=shot.show_in_background, compositor=shot.show_in_compositor)
        select_take(scene, take)
        self.report({"INFO"}, where_shown(scene, take, background=shot.show_in_background))
        return {"FINISHED"}


class UseTakeSettings(TakeOperator, bpy.types.Operator):
    """Take over the settings that made this take: engine and its options, prompt, seed, size, last image"""

    bl_idname = "realcam.use_take_settings"
    bl_label = "Use Its Settings"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Copy them into the panel."""
        take = selected_take(context.scene)
        assert take is not None
        shot = context.scene.realcam
        shot.engine_name, shot.seed = take.settings.engine, take.settings.seed
        shot.prompt, shot.negative_prompt = take.settings.prompt, take.settings.negative_prompt
        shot.clip_width, shot.clip_height, shot.clip_frames = take.width, take.height, take.frames
        shot.last_image = take.last_image
        use_options(shot, take.settings.options)
        return {"FINISHED"}


class ForgetTake(TakeOperator, bpy.types.Operator):
    """Take it off the list, and its checked camera out of the scene. Its files and strip stay: Find Takes finds them"""

    bl_idname = "realcam.forget_take"
    bl_label = "Remove from List"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Forget the record."""
        take = selected_take(context.scene)
        assert take is not None
        forget_take(context.scene, take)
        remove_achieved_camera(context.scene, take.shot, take.number)
        refresh_takes(context.scene)
        return {"FINISHED"}


class FindTakes(bpy.types.Operator):
    """Look for takes in the folders beside this file and list those that are not"""

    bl_idname = "realcam.find_takes"
    bl_label = "Find Takes"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs a place to look."""
        if not bpy.data.is_saved:
            cls.poll_message_set("Save the file first: takes are kept beside it")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the folders."""
        found = recover_takes(context.scene)
        refresh_takes(context.scene)
        self.report({"INFO"}, f"{len(found)} takes found" if found else "No other takes are beside this file")
        return {"FINISHED"}


CLASSES = (
    TakesList,
    PutBackTake,
    UseTakeSettings,
    ForgetTake,
    FindTakes,
)
