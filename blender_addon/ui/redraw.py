"""Having Blender draw the status bar and the sidebars again, which it does by itself only below the mouse."""

from __future__ import annotations

import bpy

from ..core.entry_points import entry_point
from ..disk_looks import looks

SETTLE_SECONDS = 0.15


def redraw() -> None:
    """Redraw the status bar, and the sidebars that may show the panel, twice.

    Blender moves the panels below one that has grown only when it draws them again, which without a mouse over them may
    be much later.
    """
    _tag_sidebars()
    _redraw_status_bar()
    if not bpy.app.timers.is_registered(_tag_sidebars):
        bpy.app.timers.register(_tag_sidebars, first_interval=SETTLE_SECONDS)


@entry_point("The sidebars could not be drawn again")
def _tag_sidebars() -> None:
    """Mark the sidebars for redrawing, not the views beside them, which may be slow to draw."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def redraw_views() -> None:
    """Redraw the 3D views, with what is drawn over them."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def redraw_when_answered() -> None:
    """Redraw whenever a disk has answered what the panels asked; may be called while a panel is drawn."""
    if not bpy.app.timers.is_registered(_show_answers):
        bpy.app.timers.register(_show_answers, first_interval=SETTLE_SECONDS)


@entry_point("The sidebars could not be drawn again")
def _show_answers() -> float | None:
    # Asked first: an answer that comes after the news were taken is shown by the next call.
    settled = looks.settled
    if looks.take_news():
        redraw()
    return None if settled else SETTLE_SECONDS


def stop() -> None:
    """Forget what is still to be drawn again; the add-on is being disabled."""
    for timer in (_tag_sidebars, _show_answers):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)


def _redraw_status_bar() -> None:
    """Have the status bars drawn again.

    They are no areas that Python can mark, and WorkSpace.status_text_set would take away what Blender's own tools say
    there. They are drawn again when a view layer is said to have another name.
    """
    bpy.msgbus.publish_rna(key=(bpy.types.ViewLayer, "name"))
