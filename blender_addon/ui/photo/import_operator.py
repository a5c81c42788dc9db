"""Import photo: from the panel, from File > Import, and by dropping a picture onto a 3D view."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, StringProperty

from ...blend_paths import blend_path
from ...core.depth.depth_question import DepthQuestionError
from ...core.entry_points import entry_point
from ...core.errors import RealCamError
from ...core.photo.photo_file import PHOTO_SUFFIXES
from ...scene import import_photo
from ...scene.importing.first_look import prepare_first_look
from ..operator_result import OperatorResult
from ..sidebar import reveal_tab
from .depth_question import ask_about_depth, forget_question
from .first_look import look_through_camera
from .import_fields import FIELDS, OF_ONE_PHOTO, PhotoImportFields, depth_beside, draw_fields, import_request, no_depth
from .import_files import DEPTH_GLOB, PHOTO_AND_DEPTH_GLOB, THUMBNAILS, photo_and_depth, selected_files

_HIDDEN = {"HIDDEN", "SKIP_SAVE"}
_FILE = {"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"}
"""Options of a field for a file."""


class ImportPhoto(PhotoImportFields, bpy.types.Operator):
    """Make a mesh in metres from a photo and its depth, with the camera that took the photo"""

    bl_idname = "realcam.import_photo"
    bl_label = "Import Photo with Depth"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="Photo", description="The photo", subtype="FILE_PATH", options=_FILE)
    directory: StringProperty(subtype="DIR_PATH", options=_HIDDEN)
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options=_HIDDEN)
    filter_glob: StringProperty(default=PHOTO_AND_DEPTH_GLOB, options={"HIDDEN"})
    display_type: EnumProperty(items=THUMBNAILS, default="THUMBNAIL", options={"HIDDEN"})
    prefer_focal_mm: BoolProperty(
        name="Before EXIF",
        description="Without effect: a typed focal length always goes before EXIF. Kept for scripts that name it",
        options=_HIDDEN,
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Not dropped: choose files. Dropped: import at once if the depth is there too, else ask in the panel."""
        self._asks = True
        if selected_files(self):
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Import into the scene of the window; without depth a script fails, and an artist is asked for it."""
        files = selected_files(self)
        if not files:
            self.report({"ERROR"}, "No photo is chosen. Choose one, then import.")
            return {"CANCELLED"}
        photo, depth = photo_and_depth(files)
        # The redo panel shows them, and repeats the operator with them alone.
        self.filepath, self.directory = str(photo), ""
        self.files.clear()
        if depth is not None:
            self.depth_path = str(depth)
        if getattr(self, "_asks", False) and not self.depth_path and photo.is_file() and depth_beside(photo) is None:
            return self._ask(context)
        return import_with(self, context, self.filepath, self)

    def _ask(self, context: bpy.types.Context) -> OperatorResult:
        """Keep the photo and what was said of it in the panel, and ask for its depth."""
        ask_in_panel(context.scene, self.filepath)
        for name in FIELDS:
            setattr(context.scene.realcam.photo, name, getattr(self, name))
        reveal_tab(context.window)
        self.report({"INFO"}, f"{no_depth(Path(self.filepath)).what}: the Photo panel has the ways to one")
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The file browser's side panel, and the redo panel."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        if context.area is not None and context.area.type == "FILE_BROWSER":
            # A file browser cannot open another one: Blender refuses the folder button there.
            column = layout.column(align=True)
            column.label(text="Depth: select it too (Ctrl+click),")
            column.label(text="or choose a way to it afterwards.")
        else:
            layout.prop(self, "depth_path")
        draw_fields(layout, self)


class ChooseDepth(bpy.types.Operator):
    """Choose the file with the depth of the photo in the panel, and import both"""

    bl_idname = "realcam.choose_depth"
    bl_label = "Choose a Depth File"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    filepath: StringProperty(name="Depth", description="The depth", subtype="FILE_PATH", options=_FILE)
    filter_glob: StringProperty(default=DEPTH_GLOB, options={"HIDDEN"})
    display_type: EnumProperty(items=THUMBNAILS, default="THUMBNAIL", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a photo in the panel."""
        if not context.scene.realcam.photo.photo_path:
            cls.poll_message_set("Choose a photo first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Browse, beginning in the photo's folder."""
        if not self.filepath:
            photo = blend_path(context.scene.realcam.photo.photo_path)
            self.filepath = f"{photo.parent}/"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Import the panel's photo with this depth."""
        fields = context.scene.realcam.photo
        if not Path(bpy.path.abspath(self.filepath)).is_file():
            self.report({"ERROR"}, "No depth file is chosen. Choose one, or estimate the depth.")
            return {"CANCELLED"}
        fields.depth_path = self.filepath
        return import_with(self, context, fields.photo_path, fields)


def import_with(operator: bpy.types.Operator, context: bpy.types.Context, photo: str, fields: Any) -> OperatorResult:
    """Import a photo as the fields say, show it, and report what was done.

    Args:
        operator: Reports.
        context: For the scene.
        photo: The photo's file.
        fields: PhotoImportFields of an operator or of the panel.
    """
    scene = context.scene
    try:
        photo_scene = import_photo(scene, import_request(photo, fields))
    except DepthQuestionError as question:
        ask_about_depth(scene, photo, fields, question)
        if bpy.app.background:
            operator.report({"ERROR"}, question.sentence)
        else:
            # The dialog asks: what is reported as more than information would pop up before it.
            operator.report({"INFO"}, f"{question.what}: say in the dialog or in the panel what it means")
        return {"CANCELLED"}
    except RealCamError as error:
        operator.report({"ERROR"}, error.sentence)
        return {"CANCELLED"}
    forget_question()
    scene.realcam.depth_edge = fields.depth_edge
    scene.realcam.photo.waits = False
    said = prepare_first_look(scene, photo_scene, fields.add_camera)
    if photo_scene.record.guessed:
        photo_scene.mesh.realcam_calibration.is_open = True
        said.insert(0, "These metres are a guess: set them right under Calibrate Depth.")
    look_through_camera(scene)
    operator.report({"INFO"}, " ".join([f"{photo_scene.summary}.", *said]))
    return {"FINISHED"}


def ask_in_panel(scene: bpy.types.Scene, photo: str) -> None:
    """Make this the photo that the panel is about to import; fields about another photo are reset."""
    fields = scene.realcam.photo
    for name in OF_ONE_PHOTO:
        fields.property_unset(name)
    fields.photo_path = photo


class PhotoDrop(bpy.types.FileHandler):
    """A picture dropped onto a 3D view. Over the view itself Blender asks first: photo, or an empty or background."""

    bl_idname = "REALCAM_FH_photo"
    bl_label = "RealCam Photo"
    bl_import_operator = "realcam.import_photo"
    bl_file_extensions = ";".join(PHOTO_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Over a 3D view, its sidebar included."""
        return bool(context.area and context.area.type == "VIEW_3D")


@entry_point("The menu's entry could not be drawn")
def _menu_entry(menu: Any, _context: bpy.types.Context) -> None:
    menu.layout.operator("realcam.import_photo", text="Photo with Depth (RealCam)")


def register_menu() -> None:
    """Add the entry to File > Import."""
    bpy.types.TOPBAR_MT_file_import.append(_menu_entry)


def unregister_menu() -> None:
    """Remove the entry."""
    bpy.types.TOPBAR_MT_file_import.remove(_menu_entry)


CLASSES = (ImportPhoto, ChooseDepth, PhotoDrop)
