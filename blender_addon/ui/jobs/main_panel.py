"""The heading of the sidebar: what goes on now."""

from __future__ import annotations

import bpy

from ...generation.jobs import jobs
from ..sidebar import SidebarPanel
from .job_box import draw_job, draw_pending
from .runtime import runtime


class MainPanel(SidebarPanel, bpy.types.Panel):
    """The heading, and below it what goes on now, above all panels."""

    bl_idname = "REALCAM_PT_main"
    bl_label = "RealCam"

    def draw(self, context: bpy.types.Context) -> None:
        """The shot under way, how the last one ended, and jobs of an earlier session."""
        layout = self.layout
        if jobs.view is not None:
            draw_job(layout, context, jobs.view)
        for record in runtime.pending:
            draw_pending(layout, context, record)


CLASSES = (MainPanel,)
