"""Engines side by side in the Generate panel: a line for each, and what there is to know of the chosen one.

All of it is what the server has said before: a draw asks nobody.
"""

from __future__ import annotations

from typing import Any, ClassVar

import bpy
from bpy.props import StringProperty

from ...core.protocol.capability import EngineCapability
from ...core.protocol.engine_comparison import (
    ShotTraits,
    about,
    expected_seconds,
    fact_sentences,
    lost,
    refused,
    unmade,
)
from ...core.protocol.engine_facts import CONDITIONS
from ...generation.job_view import duration
from ...generation.jobs import jobs
from .. import engine_choice
from ..operator_result import OperatorResult
from ..text_wrap import draw_reason, draw_wrapped
from .shot_traits import shot_traits

NAME_SHARE, TIME_SHARE = 0.44, 0.4
"""Of a line's width, what the name takes; and of the rest, the time."""
UNKNOWN = "?"


class ChooseEngine(bpy.types.Operator):
    """Make the clip with this engine"""

    bl_idname = "realcam.choose_engine"
    bl_label = "Choose Engine"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    engine: StringProperty(options={"HIDDEN"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while a job is under way, as the drop-down."""
        if jobs.busy:
            cls.poll_message_set("A job is under way")
            return False
        return True

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The tooltip: all that is known of the engine."""
        engine = jobs.engine(properties.engine)
        if engine is None:
            return "This server does not have it"
        shot = shot_traits(context.scene)
        lines = [f"{engine.label}. {engine.description}", *fact_lines(engine, shot), *sentences(engine, shot)]
        return "\n".join(line.rstrip(".") for line in lines)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Choose it as the drop-down does."""
        if jobs.engine(self.engine) is None:
            self.report({"ERROR"}, f"The server has no engine {self.engine}")
            return {"CANCELLED"}
        context.scene.realcam.engine = self.engine
        return {"FINISHED"}


class AlsoEngine(bpy.types.Operator):
    """Send the same shot, previewed once, to this engine too. The takes lie beside each other in the sequencer"""

    bl_idname = "realcam.also_engine"
    bl_label = "Also With This Engine"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    engine: StringProperty(options={"HIDDEN"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while a job is under way."""
        if jobs.busy:
            cls.poll_message_set("A job is under way")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Tick it, or take the tick away."""
        engine_choice.switch_also(context.scene.realcam, self.engine)
        return {"FINISHED"}


def draw_comparison(layout: Any, context: bpy.types.Context) -> None:
    """Draw the folded part of the Generate panel in which engines are compared.

    Args:
        layout: The panel's own layout.
        context: Of the draw.
    """
    header, body = layout.panel_prop(context.scene.realcam, "show_comparison")
    header.label(text="Compare Engines")
    if body is None:
        return
    shot = shot_traits(context.scene)
    column = body.column(align=True)
    _draw_heading(column)
    also = {engine.name for engine in engine_choice.also_engines(context.scene.realcam)}
    for engine in jobs.engines:
        chosen = engine.name == context.scene.realcam.engine_name
        _draw_line(column, engine, shot, chosen=chosen, also=engine.name in also)
    chosen = engine_choice.capability(context.scene.realcam)
    if chosen is not None:
        _draw_facts(body, context, chosen, shot)
    if not jobs.connected:
        draw_wrapped(body, context, "More is known once the server was asked: press Connect.", "INFO")


def draw_lost(layout: Any, context: bpy.types.Context, engine: EngineCapability) -> None:
    """Draw what of the shot would be lost on the chosen engine, a sentence each; nothing where nothing would."""
    shot = shot_traits(context.scene)
    for sentence in refused(engine, shot):
        draw_wrapped(layout, context, sentence, "ERROR")
    for sentence in lost(engine, shot):
        draw_wrapped(layout, context, sentence, "INFO")


def sentences(engine: EngineCapability, shot: ShotTraits) -> list[str]:
    """What speaks against an engine for a shot, in sentences."""
    return [*unmade(engine, shot), *lost(engine, shot)]


def fact_lines(engine: EngineCapability, shot: ShotTraits) -> list[str]:
    """What there is to know of an engine, and the time that the shot would take, a sentence each."""
    return [*fact_sentences(engine), _time_sentence(engine, shot)]


def short_name(engine: EngineCapability) -> str:
    """The engine's title without what stands behind it in brackets or after a comma: "Draft", "RealCam"."""
    return engine.label.partition(" (")[0].partition(",")[0] or engine.name


def short_time(seconds: float | None) -> str:
    """A time as a column shows it: "8 s", "3 min", "1.5 h"; "?" where it is not known."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _time_sentence(engine: EngineCapability, shot: ShotTraits) -> str:
    seconds = expected_seconds(engine, shot)
    if seconds is None or not engine.pace:
        return "Time: not known, this server has made no clip with it yet."
    clips = "clip" if engine.pace.jobs == 1 else f"{engine.pace.jobs} clips"
    return f"Time: about {duration(max(seconds, 1))} for this shot, by the last {clips} made there."


def _draw_heading(layout: Any) -> None:
    name, time, commercial = _columns(layout)
    name.label(text="Engine")
    time.label(text="Time")
    commercial.label(text="Commercial")


def _draw_line(layout: Any, engine: EngineCapability, shot: ShotTraits, *, chosen: bool, also: bool) -> None:
    name, time, commercial = _columns(layout)
    tick = name.row(align=True)
    tick.enabled = not chosen and (also or not (engine.unavailable or unmade(engine, shot)))
    box = "CHECKBOX_HLT" if chosen or also else "CHECKBOX_DEHLT"
    tick.operator("realcam.also_engine", text="", icon=box).engine = engine.name
    icon = "ERROR" if engine.unavailable or unmade(engine, shot) else "INFO" if lost(engine, shot) else "CHECKMARK"
    button = name.operator("realcam.choose_engine", text=short_name(engine), icon=icon, depress=chosen, translate=False)
    button.engine = engine.name
    time.label(text=short_time(expected_seconds(engine, shot)), translate=False)
    commercial.label(text=_commercial(engine), translate=False)


def _commercial(engine: EngineCapability) -> str:
    facts = about(engine)
    if facts is None:
        return UNKNOWN
    return "conditions" if facts.commercial == CONDITIONS else facts.commercial


def _columns(layout: Any) -> tuple[Any, Any, Any]:
    """The three columns of one line."""
    split = layout.split(factor=NAME_SHARE, align=True)
    name = split.row(align=True)
    rest = split.split(factor=TIME_SHARE, align=True)
    return name, rest.row(align=True), rest.row(align=True)


def _draw_facts(layout: Any, context: bpy.types.Context, engine: EngineCapability, shot: ShotTraits) -> None:
    box = layout.column()
    draw_wrapped(box, context, f"{engine.label}. {engine.description}")
    for line in fact_lines(engine, shot):
        draw_wrapped(box, context, line)
    facts = about(engine)
    if (
        facts is not None
        and not facts.weights_here
        and facts.get_weights
        and facts.get_weights not in engine.unavailable
    ):
        draw_reason(box, context, f"To get the weights, run `{facts.get_weights}` on the server.", "IMPORT")
    if engine.unavailable:
        draw_reason(box, context, f"Cannot run on this server: {engine.unavailable}.")
    for sentence in sentences(engine, shot):
        draw_wrapped(box, context, sentence, "INFO")


CLASSES = (ChooseEngine, AlsoEngine)
