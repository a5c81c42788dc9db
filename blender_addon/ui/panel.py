"""The sidebar of the 3D view: photo, camera, preview, generate, takes."""

from __future__ import annotations

from typing import Any

import bpy

from .. import blender_versions
from ..core.arrays import Float64
from ..generation.jobs import jobs
from ..scene import PhotoScene, find_photo_scene
from ..shot import coverage_problems, scene_rate
from ..timeline.background import camera_background
from ..timeline.strip import strip_hides_render
from . import engine_choice
from .jobs.job_box import draw_help, draw_in_place_of_button, draw_job, draw_pending
from .jobs.runtime import runtime
from .photo.import_fields import FIELDS, draw_fields
from .preview_state import preview_state
from .shot.requests import fingerprint, problems
from .takes.takes_list import TakesList, selected_take, settings_line, thumbnail
from .takes.thumbnails import draw_picture, thumbnails
from .text_wrap import draw_sentence


class _Sidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "RealCam"


class MainPanel(_Sidebar, bpy.types.Panel):
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


class PhotoPanel(_Sidebar, bpy.types.Panel):
    """The photo and its depth as a mesh."""

    bl_idname = "REALCAM_PT_photo"
    bl_label = "Photo"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """What was imported; the fields to import (another)."""
        layout = self.layout
        shot = context.scene.realcam
        photo = find_photo_scene(context.scene)
        if photo is not None:
            _photo_facts(layout, context, photo, shot)
        # Two names, so that the fields fold away by themselves once there is a photo.
        name = "realcam_import" if photo is None else "realcam_import_another"
        header, body = layout.panel(name, default_closed=photo is not None)
        header.label(text="Import Another" if photo is not None else "Import")
        if body is not None:
            _import_fields(body, shot.photo)


def _photo_facts(layout: Any, context: bpy.types.Context, photo: PhotoScene, shot: Any) -> None:
    column = layout.column(align=True)
    column.label(text=photo.mesh.name, icon="IMAGE_DATA")
    width, height = photo.photo_size
    column.label(text=f"{width} × {height} px, {photo.vertices:,} vertices")
    draw_sentence(layout, context, f"Focal length: {photo.focal_source}")
    layout.prop(shot, "depth_edge", slider=True)
    if abs(photo.depth_edge - shot.depth_edge) > 1e-6:
        draw_sentence(
            layout, context, f"The mesh is cut at {photo.depth_edge:.3f}: leave Edit Mode, then set it.", "INFO"
        )


def _import_fields(layout: Any, fields: Any) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(fields, "photo_path")
    column.prop(fields, "depth_path")
    header, options = layout.panel("realcam_import_options", default_closed=True)
    header.label(text="Depth and Lens")
    if options is not None:
        options.use_property_split = True
        options.use_property_decorate = False
        draw_fields(options, fields)
    row = layout.row()
    # With the paths filled in there is nothing to ask; without, the operator opens the file browser.
    row.operator_context = "EXEC_DEFAULT" if fields.photo_path else "INVOKE_DEFAULT"
    button = row.operator(
        "realcam.import_photo", text="Import" if fields.photo_path else "Choose a Photo", icon="IMPORT"
    )
    button.filepath = fields.photo_path
    for name in FIELDS:
        setattr(button, name, getattr(fields, name))


class CameraPanel(_Sidebar, bpy.types.Panel):
    """The artist's camera and its move."""

    bl_idname = "REALCAM_PT_camera"
    bl_label = "Camera"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """Which camera, and named moves to start from."""
        layout = self.layout
        scene = context.scene
        shot = scene.realcam
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(scene, "camera")
        layout.operator("realcam.add_move", icon="CON_FOLLOWPATH")
        column = layout.column()
        column.prop(shot, "use_scene_range")
        if shot.use_scene_range:
            first, last = shot.frame_range()
            column.label(text=f"Frames {first} to {last}, {scene_rate(scene):g} fps")
        else:
            column = layout.column(align=True)
            column.prop(shot, "frame_start")
            column.prop(shot, "frame_end", text="Last")


class PreviewPanel(_Sidebar, bpy.types.Panel):
    """What the photo can see of each frame."""

    bl_idname = "REALCAM_PT_preview"
    bl_label = "Preview"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """Render a preview, see its coverage."""
        layout = self.layout
        layout.row().prop(context.scene.realcam, "preview_method", expand=True)
        if preview_state.total:
            text = f"Preview {preview_state.done}/{preview_state.total}, Esc stops"
            layout.progress(text=text, factor=preview_state.done / preview_state.total, type="BAR")
        else:
            row = layout.row(align=True)
            row.operator("realcam.preview", icon="RENDER_ANIMATION")
            row.operator("realcam.coverage", text="Estimate", icon="VIEWZOOM")
        preview = preview_state.latest
        if preview is not None:
            frame = preview.frames[len(preview.frames) // 2]
            draw_picture(layout, thumbnails.of_pixels("preview", preview_state.number, lambda: frame))
        if preview_state.coverage is not None:
            draw_coverage(layout, context, preview_state.coverage)


def draw_coverage(layout: Any, context: bpy.types.Context, shares: Float64) -> None:
    """The share of each frame that the photo sees; of many frames, sixteen."""
    count = len(shares)
    about = "about " if preview_state.estimated else ""
    sentence = f"The photo sees {about}{shares.mean():.0%} on average, {shares.min():.0%} at worst. By clip frame:"
    draw_sentence(layout, context, sentence)
    grid = layout.grid_flow(row_major=True, columns=4, even_columns=True, even_rows=True, align=True)
    shown = min(count, 16)
    for place in range(shown):
        index = round(place * (count - 1) / max(shown - 1, 1))
        grid.progress(text=f"{shares[index]:.0%}", factor=float(shares[index]), type="BAR")
    if preview_state.coverage_of(fingerprint(context.scene)) is None:
        draw_sentence(layout, context, "Out of date: camera, range or mesh have changed since.", "INFO")
        return
    for problem in coverage_problems(shares):
        draw_sentence(layout, context, problem.sentence, "ERROR" if problem.severity == "error" else "INFO")


class GeneratePanel(_Sidebar, bpy.types.Panel):
    """Engine, prompt and the button."""

    bl_idname = "REALCAM_PT_generate"
    bl_label = "Generate"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """Settings above, the shot under way below."""
        layout = self.layout
        self._settings(layout, context)
        if jobs.busy and jobs.view is not None:
            draw_in_place_of_button(layout, jobs.view)
        else:
            self._button(layout, context)

    def _settings(self, layout: Any, context: bpy.types.Context) -> None:
        shot = context.scene.realcam
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = not jobs.busy
        column.prop(shot, "name")
        row = column.row(align=True)
        row.prop(shot, "engine")
        row.operator("realcam.connect", text="", icon="LINKED" if jobs.connected else "UNLINKED")
        column.prop(shot, "size")
        column.prop(shot, "frame_count")
        column.prop(shot, "seed")
        if engine_choice.ends_at_an_image(shot):
            column.prop(shot, "last_image")
        engine = engine_choice.capability(shot)
        if engine is None or engine.reads_prompt:
            blender_versions.draw_textbox(column, shot, "prompt", "What is in the picture")
            column.prop(shot, "negative_prompt")
        if engine is not None and engine.draft:
            what = "A draft, not the final picture."
            draw_sentence(layout, context, what if engine.reads_prompt else f"{what} It reads no prompt.", "INFO")
        if engine is not None and engine.options:
            header, options = layout.panel_prop(shot, "show_options")
            header.label(text="Engine Options")
            if options is not None:
                options.enabled = not jobs.busy
                engine_choice.draw_options(options, shot)

    def _button(self, layout: Any, context: bpy.types.Context) -> None:
        for sentence in problems(context.scene):
            draw_sentence(layout, context, sentence, "ERROR")
        if jobs.connection_error and jobs.view is None:
            draw_sentence(layout, context, jobs.connection_error, "ERROR")
            draw_help(layout)
        if jobs.view is not None and jobs.view.error:
            draw_sentence(layout, context, jobs.view.error, "ERROR")
        row = layout.row()
        row.scale_y = 1.5
        row.operator("realcam.generate", icon="RENDER_ANIMATION")
        row = layout.row(heading="Also show in", align=True)
        row.prop(context.scene.realcam, "show_in_background", text="Camera", toggle=True)
        row.prop(context.scene.realcam, "show_in_compositor", toggle=True)
        _places(layout, context)


def _places(layout: Any, context: bpy.types.Context) -> None:
    """What the artist may want to set where the clip is also shown: Blender's own switches, left as they are."""
    scene = context.scene
    camera = scene.camera
    background = camera_background(camera) if camera is not None and camera.type == "CAMERA" else None
    if scene.realcam.show_in_background and background is not None:
        row = layout.row(align=True)
        row.prop(background, "display_depth", expand=True)
        row.prop(background, "alpha", slider=True)
    photo = find_photo_scene(scene)
    if not scene.realcam.show_in_compositor or photo is None:
        return
    if not scene.render.film_transparent or not photo.mesh.is_holdout:
        draw_sentence(layout, context, "The clip is seen under the render where the render is transparent:", "INFO")
        layout.prop(scene.render, "film_transparent", text="Transparent Film")
        layout.prop(photo.mesh, "is_holdout", text="Photo's Mesh as Holdout")


class TakesPanel(_Sidebar, bpy.types.Panel):
    """Every clip that was made."""

    bl_idname = "REALCAM_PT_takes"
    bl_label = "Takes"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """The list, and the selected take."""
        layout = self.layout
        shot = context.scene.realcam
        if strip_hides_render(context.scene):
            draw_sentence(layout, context, "F12 renders the strip: Output > Post Processing > Sequencer is on.", "INFO")
        row = layout.row()
        row.template_list(TakesList.bl_idname, "", shot, "takes", shot, "take_index", rows=3)
        column = row.column(align=True)
        column.operator("realcam.find_takes", text="", icon="FILE_REFRESH")
        column.operator("realcam.forget_take", text="", icon="REMOVE")
        take = selected_take(context.scene)
        if take is None:
            return
        draw_picture(layout, thumbnail(take))
        draw_sentence(layout, context, settings_line(take))
        if take.settings.prompt:
            draw_sentence(layout, context, f"“{take.settings.prompt}”")
        for note in take.notes:
            draw_sentence(layout, context, note, icon="INFO")
        row = layout.row(align=True)
        row.operator("realcam.put_back_take", icon="SEQUENCE")
        row.operator("realcam.use_take_settings", icon="COPY_ID")


CLASSES = (MainPanel, PhotoPanel, CameraPanel, PreviewPanel, GeneratePanel, TakesPanel)
