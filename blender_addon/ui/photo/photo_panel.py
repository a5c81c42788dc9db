"""The photo's panel: what was imported, and the fields to import."""

from __future__ import annotations

from typing import Any

import bpy

from ...scene import PhotoScene, find_photo_scene
from ...scene.edited_mesh import mesh_edits
from ...scene.handmade.depth_calibration import is_guessed
from ...scene.importing.first_look import meshes_around
from ...scene.photo_scene import instanced_photo, photo_scenes
from ...shot.check_shot import as_an_instance
from ..predictors.estimate_panel import draw_estimate, is_first_way
from ..sidebar import SidebarPanel
from ..text_wrap import draw_wrapped
from .demo_operator import draw_demo
from .depth_question import draw_question, pending_question
from .import_fields import FIELDS, draw_fields, has_depth


class PhotoPanel(SidebarPanel, bpy.types.Panel):
    """The photo and its depth as a mesh."""

    bl_idname = "REALCAM_PT_photo"
    bl_label = "Photo"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """What was imported; a photo that waits for its depth; the ways to another."""
        layout = self.layout
        scene = context.scene
        fields = scene.realcam.photo
        photo = find_photo_scene(scene)
        waits = fields.waits and bool(fields.photo_path)
        draw_demo(layout, context, photo is not None or waits)
        instance = instanced_photo(scene) if photo is None else None
        if instance is not None:
            draw_wrapped(layout, context, as_an_instance(instance), "INFO")
        if photo is not None:
            _chooser(layout, scene, photo)
            _photo_facts(layout, context, photo, scene.realcam)
            _in_the_way(layout, context, photo)
            _edits(layout, context, photo)
        if waits:
            _waiting(layout, context, fields)
        elif photo is None:
            row = layout.row()
            row.scale_y = 1.5
            _browse_button(row)
            draw_wrapped(layout, context, "Or drop a picture onto the 3D view.")
        else:
            header, body = layout.panel("realcam_import_another", default_closed=True)
            header.label(text="Import Another")
            if body is not None:
                _browse_button(body)
                if fields.photo_path:
                    _import_fields(body, context, fields)


def _browse_button(layout: Any) -> None:
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator("realcam.import_photo", text="Choose a Photo", icon="IMPORT")


def _chooser(layout: Any, scene: bpy.types.Scene, current: PhotoScene) -> None:
    """Draw a button for each photo of the scene where it has several."""
    photos = photo_scenes(scene)
    if len(photos) < 2:
        return
    column = layout.column(align=True)
    for photo in photos:
        chosen = photo.mesh == current.mesh
        icon = "RADIOBUT_ON" if chosen else "RADIOBUT_OFF"
        # A name is no word of Blender's dictionary: a photo called Depth stays Depth in every language.
        button = column.operator(
            "realcam.choose_photo", text=photo.mesh.name, translate=False, icon=icon, depress=chosen
        )
        button.mesh, button.session_uid = photo.mesh.name, photo.mesh.session_uid


def _in_the_way(layout: Any, context: bpy.types.Context, photo: PhotoScene) -> None:
    around = meshes_around(context.scene, photo)
    if around:
        names = ", ".join(subject.name for subject in around)
        draw_wrapped(layout, context, f"{names} stands around the photo's camera and hides the photo.", "ERROR")
        layout.operator("realcam.hide_around", text="Hide It" if len(around) == 1 else "Hide Them", icon="HIDE_ON")


def _edits(layout: Any, context: bpy.types.Context, photo: PhotoScene) -> None:
    """Draw what was done to the mesh with Blender's own tools, and what mends it."""
    for edit in mesh_edits(context.scene, photo):
        draw_wrapped(layout, context, edit.sentence, "ERROR" if edit.prevents else "INFO")
        row = layout.row(align=True)
        for operator in edit.mends:
            row.operator(f"realcam.{operator}")


def _waiting(layout: Any, context: bpy.types.Context, fields: Any) -> None:
    """Draw the photo that was chosen and the ways to its depth."""
    if pending_question(fields) is None:
        layout.label(text="Chosen, without depth yet:", icon="IMAGE_DATA")
    _import_fields(layout, context, fields)
    if not has_depth(fields):
        _ways_to_depth(layout, context)


def _ways_to_depth(layout: Any, context: bpy.types.Context) -> None:
    """Draw the ways to a depth, the one that asks least of the artist first, unless it is not known to work here.

    What needs no server keeps its place below the mouse while a server answers that it cannot estimate depth.
    """
    is_first = is_first_way(context.scene.realcam)
    if is_first:
        draw_estimate(layout, context)
    column = layout.column(align=True)
    column.operator("realcam.ground_and_walls", icon="MESH_GRID")
    column.operator("realcam.block_out", icon="MESH_CUBE")
    column.operator("realcam.choose_depth", icon="FILEBROWSER")
    if not is_first:
        layout.separator()
        draw_estimate(layout, context)


def _photo_facts(layout: Any, context: bpy.types.Context, photo: PhotoScene, shot: Any) -> None:
    column = layout.column(align=True)
    column.label(text=photo.mesh.name, translate=False, icon="IMAGE_DATA")
    width, height = photo.photo_size
    column.label(text=f"{width} × {height} px")
    facts = photo.facts
    draw_wrapped(layout, context, f"{photo.vertices:,} vertices" if facts is None else facts.words)
    if is_guessed(photo):
        draw_wrapped(layout, context, "These metres are a guess: set them right under Calibrate Depth.", "INFO")
    draw_wrapped(layout, context, f"Focal length: {photo.focal_source}")
    layout.prop(shot, "depth_edge", slider=True)
    if abs(photo.depth_edge - shot.depth_edge) > 1e-6:
        draw_wrapped(
            layout, context, f"The mesh is cut at {photo.depth_edge:.3f}: leave Edit Mode, then set it.", "INFO"
        )


def _import_fields(layout: Any, context: bpy.types.Context, fields: Any) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(fields, "photo_path")
    column.prop(fields, "depth_path")
    question = pending_question(fields)
    if question is not None:
        draw_question(layout, context, fields, question)
    header, options = layout.panel("realcam_import_options", default_closed=True)
    header.label(text="Options")
    if options is not None:
        options.use_property_split = True
        options.use_property_decorate = False
        draw_fields(options, fields)
    if not has_depth(fields):
        return
    row = layout.row()
    # With the paths filled in there is nothing to ask.
    row.operator_context = "EXEC_DEFAULT"
    button = row.operator("realcam.import_photo", text="Import", icon="IMPORT")
    button.filepath = fields.photo_path
    for name in FIELDS:
        setattr(button, name, getattr(fields, name))


CLASSES = (PhotoPanel,)
