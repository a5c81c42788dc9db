"""The heading of the sidebar: what goes on now."""

from __future__ import annotations

import bpy

from ...generation.job_view import Phase
from ...generation.jobs import jobs
from ...scene import find_photo_scene
from ..sidebar import SidebarPanel
from .job_box import draw_job, draw_pending
from .runtime import runtime

_MARKS = {Phase.DONE: "CHECKMARK", Phase.FAILED: "ERROR"}


class MainPanel(SidebarPanel, bpy.types.Panel):
    """The heading, and below it what goes on now, above all panels."""

    bl_idname = "REALCAM_PT_main"
    bl_label = "RealCam"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """How far the job under way is or how it ended, also while the panels are scrolled or folded."""
        view = jobs.view_in(context.scene.session_uid)
        if view is None:
            return
        if not view.phase.final:
            self.layout.label(text=f"{view.factor:.0%} ")
        elif view.phase is not Phase.CANCELLED:
            self.layout.label(text=f"{view.phase.value} ", icon=_MARKS[view.phase])

    def draw(self, context: bpy.types.Context) -> None:
        """Jobs of an earlier session, and the job that the Generate panel shows once there is a photo."""
        layout = self.layout
        view = jobs.view_in(context.scene.session_uid)
        if view is not None and find_photo_scene(context.scene) is None:
            draw_job(layout, context, view)
        for record in runtime.pending:
            draw_pending(layout, context, record)


CLASSES = (MainPanel,)
