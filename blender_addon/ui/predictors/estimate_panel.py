"""What stands in the panel around *Estimate Depth*: the choice, the download, or why the server cannot do it."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.protocol.capability import EngineCapability, PredictorFacts
from ...generation.job_records import DepthTask
from ...generation.job_view import JobView, Phase
from ...generation.jobs import jobs
from ...scene import find_photo_scene
from ..preferences import installed_seen, online_access, uses_own_server
from ..text_wrap import draw_reason, draw_wrapped
from .predictor_choice import chosen_predictor, licence_words, megabytes

BUTTON = "realcam.estimate_depth"
OFFLINE = "Preferences > System > Network > Allow Online Access is off: the weights cannot be downloaded"


def draw_estimate(layout: Any, context: bpy.types.Context) -> None:
    """Draw the way to a photo's depth by a network: as one button where the server can, else why it cannot."""
    under_way = _depth_under_way()
    if under_way is not None:
        if find_photo_scene(context.scene) is not None:
            _draw_progress(layout, under_way)
        # Without a photo in the scene the bar is the first thing in the sidebar (main_panel.py).
        return
    chosen = chosen_predictor(context.scene.realcam)
    if chosen is None and not jobs.predictors:
        _draw_unknown(layout, context)
    elif chosen is not None and chosen.facts is not None and lacks_packages(context.scene.realcam):
        _draw_not_installed(layout, context, chosen.facts)
    else:
        _draw_choice(layout, context, chosen)


def lacks_packages(shot: Any) -> bool:
    """Whether the server has said that it lacks the packages of the predictor that `shot` (scene.realcam) would use."""
    chosen = chosen_predictor(shot)
    return chosen is not None and chosen.facts is not None and bool(chosen.facts.install)


def is_first_way(shot: Any) -> bool:
    """Whether the server can estimate a depth, as far as it has said, or is doing it."""
    if _depth_under_way() is not None:
        return True
    return bool(jobs.predictors or chosen_predictor(shot)) and not lacks_packages(shot)


def downloads(predictor: EngineCapability) -> bool:
    """Whether the server would download the predictor's weights first."""
    return predictor.facts is not None and not predictor.facts.downloaded


def estimate_title(predictor: EngineCapability | None) -> str:
    """What the button says: the size of the download where pressing it downloads."""
    if predictor is None or predictor.facts is None or not downloads(predictor):
        return "Estimate Depth"
    return f"Download and Estimate ({megabytes(predictor.facts.download_bytes)})"


def _depth_under_way() -> JobView | None:
    """The view of a depth estimate that the server works on; None without one."""
    if jobs.view is None or jobs.view.phase.final or jobs.record is None:
        return None
    return jobs.view if isinstance(jobs.record.task, DepthTask) else None


def _draw_progress(layout: Any, view: JobView) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.5
    row.enabled = view.phase is not Phase.CANCELLING
    row.progress(text=view.line, factor=view.factor, type="BAR")
    row.operator("realcam.cancel", text="", icon="CANCEL")


def _draw_unknown(layout: Any, context: bpy.types.Context) -> None:
    """No server was asked yet, or none answers: what it would download is not known before it is asked."""
    if jobs.connection_error:
        draw_wrapped(layout, context, jobs.connection_error, "ERROR")
    layout.operator("realcam.connect", text="Estimate Depth: Ask the Server", icon="UNLINKED")


def _draw_choice(layout: Any, context: bpy.types.Context, chosen: EngineCapability | None) -> None:
    shot = context.scene.realcam
    if chosen is None:
        layout.prop(shot, "predictor")
    elif chosen.facts is None:
        layout.prop(shot, "predictor")
        draw_wrapped(layout, context, f"{chosen.description}. Licence of the weights: {chosen.licence}.")
    else:
        layout.row().prop(shot, "predictor_scenes", expand=True)
        layout.prop(shot, "predictor_size", text="")
        draw_wrapped(layout, context, f"Licence of the weights: {licence_words(chosen.facts)}.")
    if chosen is not None and chosen.unavailable:
        draw_reason(layout, context, f"Cannot run on this server: {chosen.unavailable}.")
    elif chosen is not None and chosen.notice:
        draw_reason(layout, context, f"{chosen.notice}.", "INFO")
    if chosen is not None and downloads(chosen) and not online_access():
        draw_wrapped(layout, context, f"{OFFLINE}.", "ERROR")
    row = layout.row()
    row.scale_y = 1.5
    icon = "IMPORT" if chosen is not None and downloads(chosen) else "SHADERFX"
    row.operator(BUTTON, text=estimate_title(chosen), icon=icon)
    if chosen is not None and chosen.facts is not None:
        header, body = layout.panel("realcam_predictor_expert", default_closed=True)
        header.label(text="Expert")
        if body is not None:
            body.prop(shot, "predictor", text="")
            draw_wrapped(body, context, f"{chosen.description}.")


def _draw_not_installed(layout: Any, context: bpy.types.Context, facts: PredictorFacts) -> None:
    """The server lacks PyTorch: what is missing, how large it is, and the line that installs it."""
    needs = "the installed server" if uses_own_server() else "more packages on the server"
    size = f", {megabytes(facts.install_bytes)} to download" if facts.install_bytes else ""
    weights = f"{megabytes(facts.download_bytes)} of weights ({licence_words(facts)})"
    draw_wrapped(layout, context, f"Depth networks need {needs}: PyTorch{size}, then {weights}.", "INFO")
    if uses_own_server() and installed_seen() is not None:
        layout.operator("realcam.use_installed_server", icon="CHECKMARK")
        return
    layout.operator("realcam.copy_command", icon="COPYDOWN").line = facts.install
