"""Import photo: from the panel, from File > Import, and by dropping a picture onto the sidebar."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.errors import RealCamError
from ...core.photo.photo_file import PHOTO_SUFFIXES
from ...scene import import_photo
from ...scene.importing.first_look import prepare_first_look
from ..operator_result import OperatorResult
from .first_look import look_through_camera
from .import_fields import OF_ONE_PHOTO, PhotoImportFields, depth_beside, draw_fields, import_request


class ImportPhoto(PhotoImportFields, bpy.types.Operator):
    """Make a mesh in metres from a photo and its depth, with the camera that took the photo"""

    bl_idname = "realcam.import_photo"
    bl_label = "Import Photo with Depth"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="Photo", description="The photo", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in PHOTO_SUFFIXES), options={"HIDDEN"})
    prefer_focal_mm: BoolProperty(
        name="Before EXIF",
        description="Without effect: a typed focal length always goes before EXIF. Kept for scripts that name it",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Not dropped: choose a file. Dropped: import at once if the depth lies beside it, else ask in the panel."""
        if not self.filepath:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        if self.depth_path or depth_beside(Path(self.filepath)):
            return self.execute(context)
        ask_in_panel(context.scene, self.filepath)
        self.report({"WARNING"}, "Choose the photo's depth in the RealCam panel, then press Import")
        return {"FINISHED"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Import into the scene of the window."""
        if not self.filepath:
            self.report({"ERROR"}, "No photo is chosen. Choose one, then import.")
            return {"CANCELLED"}
        scene = context.scene
        try:
            photo_scene = import_photo(scene, import_request(self.filepath, self))
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        scene.realcam.depth_edge = self.depth_edge
        said = prepare_first_look(scene, photo_scene, self.add_camera)
        look_through_camera(scene)
        self.report({"INFO"}, " ".join([f"{photo_scene.summary}.", *said]))
        return {"FINISHED"}

    def draw(self, _context: bpy.types.Context) -> None:
        """The file browser's side panel, and the redo panel."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "depth_path")
        draw_fields(layout, self)


def ask_in_panel(scene: bpy.types.Scene, photo: str) -> None:
    """Make this the photo that the panel is about to import; fields about another photo are reset."""
    fields = scene.realcam.photo
    for name in OF_ONE_PHOTO:
        fields.property_unset(name)
    fields.photo_path = photo


class PhotoDrop(bpy.types.FileHandler):
    """A picture dropped onto the sidebar of the 3D view. Elsewhere in the view Blender's own drop stays."""

    bl_idname = "REALCAM_FH_photo"
    bl_label = "RealCam Photo"
    bl_import_operator = "realcam.import_photo"
    bl_file_extensions = ";".join(PHOTO_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Over the sidebar only."""
        return bool(context.area and context.area.type == "VIEW_3D" and context.region and context.region.type == "UI")


def _menu_entry(menu: Any, _context: bpy.types.Context) -> None:
    menu.layout.operator("realcam.import_photo", text="Photo with Depth (RealCam)")


def register_menu() -> None:
    """Add the entry to File > Import."""
    bpy.types.TOPBAR_MT_file_import.append(_menu_entry)


def unregister_menu() -> None:
    """Remove the entry."""
    bpy.types.TOPBAR_MT_file_import.remove(_menu_entry)


CLASSES = (ImportPhoto, PhotoDrop)
