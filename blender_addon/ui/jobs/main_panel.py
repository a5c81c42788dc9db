"""The heading of the sidebar: what goes on now."""

from __future__ import annotations

import bpy

from ...generation.jobs import jobs
from ...scene import find_photo_scene
from ..sidebar import SidebarPanel
from .job_box import draw_job, draw_pending
from .runtime import runtime


class MainPanel(SidebarPanel, bpy.types.Panel):
    """The heading, and below it what goes on now, above all panels."""

    bl_idname = "REALCAM_PT_main"
    bl_label = "RealCam"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """How far the job under way is, also while the panels are scrolled or folded."""
        if jobs.busy and jobs.view is not None:
            self.layout.label(text=f"{jobs.view.factor:.0%} ")

    def draw(self, context: bpy.types.Context) -> None:
        """How the last job ended, and jobs of an earlier session; a job under way where no panel below shows it."""
        layout = self.layout
        if jobs.view is not None and (jobs.view.phase.final or find_photo_scene(context.scene) is None):
            draw_job(layout, context, jobs.view)
        for record in runtime.pending:
            draw_pending(layout, context, record)


CLASSES = (MainPanel,)
