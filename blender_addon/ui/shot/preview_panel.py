"""The preview's panel: render it, see what the photo covers."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ...core.arrays import Float64
from ...shot import coverage_problems
from ..preview_state import preview_state
from ..sidebar import NeedsPhotoPanel
from ..takes.thumbnails import draw_picture, thumbnails
from ..text_wrap import draw_wrapped
from .requests import fingerprint


class PreviewPanel(NeedsPhotoPanel, bpy.types.Panel):
    """What the photo can see of each frame."""

    bl_idname = "REALCAM_PT_preview"
    bl_label = "Preview"
    bl_parent_id = "REALCAM_PT_main"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Render a preview, see its coverage."""
        layout = self.layout
        layout.row().prop(context.scene.realcam, "preview_method", expand=True)
        if preview_state.total:
            row = layout.row(align=True)
            text = f"Preview {preview_state.done}/{preview_state.total}"
            row.progress(text=text, factor=preview_state.done / preview_state.total, type="BAR")
            row.operator("realcam.cancel_preview", text="", icon="CANCEL")
        else:
            column = layout.column(align=True)
            column.operator("realcam.preview", icon="RENDER_ANIMATION")
            column.operator("realcam.coverage", text="Estimate Coverage", icon="VIEWZOOM")
        preview = preview_state.latest
        if preview is not None:
            frame = preview.frames[len(preview.frames) // 2]
            draw_picture(layout, thumbnails.of_pixels("preview", preview_state.number, lambda: frame))
        if preview_state.coverage is not None:
            draw_coverage(layout, context, preview_state.coverage)


def draw_coverage(layout: Any, context: bpy.types.Context, shares: Float64) -> None:
    """Draw the share of each frame that the photo sees; of many frames, of sixteen."""
    count = len(shares)
    about = "about " if preview_state.estimated else ""
    sentence = f"The photo sees {about}{shares.mean():.0%} on average, {shares.min():.0%} at worst. By clip frame:"
    draw_wrapped(layout, context, sentence)
    grid = layout.grid_flow(row_major=True, columns=4, even_columns=True, even_rows=True, align=True)
    shown = min(count, 16)
    for place in range(shown):
        index = round(place * (count - 1) / max(shown - 1, 1))
        grid.progress(text=f"{shares[index]:.0%}", factor=float(shares[index]), type="BAR")
    if preview_state.coverage_of(fingerprint(context.scene)) is None:
        draw_wrapped(layout, context, "Out of date: camera, range or mesh have changed since.", "INFO")
        return
    for problem in coverage_problems(shares):
        draw_wrapped(layout, context, problem.sentence, "ERROR" if problem.severity == "error" else "INFO")


CLASSES = (PreviewPanel,)
