"""What a layout takes from files and gives to them: masks, fSpy's camera, and the layout itself as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.camera.lens import full_frame_focal
from ...core.depth.layout.camera_ground import camera_ground, read_fspy
from ...core.depth.layout.layout import DepthLayout, Ground, layout_json, read_layout
from ...core.depth.layout.layout_edits import with_ground
from ...core.errors import RealCamError
from ...scene import PhotoScene
from ...scene.editing.depth_layout import lay_out, layout_in_metres, layout_to_edit
from ...scene.editing.focal_length_edit import set_focal_length
from ..operator_result import OperatorResult
from ..photo.active_photo import LeftEditMode, active_photo
from .import_laid_out import import_laid_out, waiting_photo, waiting_size

_FILE = {"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"}
"""Options of a field for a file."""


class CutOutByMask(bpy.types.Operator):
    """Choose a picture in the photo's shape that is bright where a thing is, and put the thing on a plane of its own"""

    bl_idname = "realcam.cut_out_mask"
    bl_label = "Cut Out by a Mask"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    filepath: StringProperty(name="Mask", description="The mask's file", subtype="FILE_PATH", options=_FILE)
    filter_image: BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Browse."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Cut it out; that operator reports."""
        try:
            return set(bpy.ops.realcam.cut_out(mask=self.filepath))
        except RuntimeError as error:
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            return {"CANCELLED"}


class ReadsLayout:
    """Mixed into an operator: reads a file that says how the panel's photo, or the scene's, is laid out."""

    filepath: StringProperty(name="File", description="The file to read", subtype="FILE_PATH", options=_FILE)

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        """Needs a photo, in the panel or in the scene."""
        return bool(bpy.types.REALCAM_OT_ground_and_walls.poll(context))

    def invoke(self: Any, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Browse."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self: Any, context: bpy.types.Context) -> OperatorResult:
        """Read it, and lay the photo out."""
        path = Path(bpy.path.abspath(self.filepath))
        if waiting_photo(context.scene):
            photo, said = self.import_photo(context.scene, path)
        else:
            with LeftEditMode(context):
                photo, said = self.change_photo(context.scene, active_photo(context), path), []
        self.report({"INFO"}, " ".join([f"{photo.summary}.", *said]))
        return {"FINISHED"}


class GroundFromCamera(ReadsLayout, bpy.types.Operator):
    """Take the horizon, the lens, and the camera's height over the origin from an fSpy project of this photo"""

    bl_idname = "realcam.ground_from_fspy"
    bl_label = "Horizon from fSpy"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    filter_glob: StringProperty(default="*.fspy;*.json", options={"HIDDEN"})

    def import_photo(self, scene: bpy.types.Scene, path: Path) -> tuple[PhotoScene, list[str]]:
        """The panel's photo with fSpy's lens and horizon."""
        trajectory = read_fspy(path, waiting_size(scene))
        matrix = trajectory.intrinsics[0]
        scene.realcam.photo.calibration = (matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
        return import_laid_out(scene, DepthLayout(ground=_ground(path, waiting_size(scene), Ground())))

    def change_photo(self, scene: bpy.types.Scene, photo: PhotoScene, path: Path) -> PhotoScene:
        """The scene's photo with fSpy's focal length and horizon; its principal point stays."""
        layout = layout_to_edit(photo)
        ground = _ground(path, photo.photo_size, layout.ground or Ground())
        focal = full_frame_focal(float(read_fspy(path, photo.photo_size).intrinsics[0, 0, 0]), *photo.photo_size)
        changed = with_ground(layout, horizon=ground.horizon, camera_height=ground.camera_height)
        return lay_out(scene, set_focal_length(scene, photo, focal), changed)


class ReadLayout(ReadsLayout, bpy.types.Operator):
    """Lay the photo out as a file says, which Save Layout or the command line wrote"""

    bl_idname = "realcam.read_layout"
    bl_label = "Read Layout"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def import_photo(self, scene: bpy.types.Scene, path: Path) -> tuple[PhotoScene, list[str]]:
        """The panel's photo by the file."""
        return import_laid_out(scene, read_layout(path))

    def change_photo(self, scene: bpy.types.Scene, photo: PhotoScene, path: Path) -> PhotoScene:
        """The scene's photo by the file."""
        return lay_out(scene, photo, read_layout(path))


class SaveLayout(bpy.types.Operator):
    """Write horizon, walls and cut-outs as JSON: for `realcam depth layout`, or to lay the photo out anew"""

    bl_idname = "realcam.save_layout"
    bl_label = "Save Layout"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    filepath: StringProperty(name="File", description="The file to write", subtype="FILE_PATH", options=_FILE)
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a layout."""
        return bool(bpy.types.REALCAM_OT_ground_and_walls.poll(context)) and not waiting_photo(context.scene)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Browse, with a name proposed."""
        self.filepath = f"{active_photo(context).mesh.name}.layout.json"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Write it, in metres as the scene has them."""
        path = Path(bpy.path.abspath(self.filepath))
        try:
            layout = layout_in_metres(active_photo(context))
            if layout is None:
                self.report({"ERROR"}, "The photo has no ground, walls or cut-outs")
                return {"CANCELLED"}
            path.write_bytes(layout_json(layout))
        except (RealCamError, OSError) as error:
            self.report({"ERROR"}, error.sentence if isinstance(error, RealCamError) else f"{path}: {error.strerror}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"Written: {path}")
        return {"FINISHED"}


def _ground(path: Path, photo_size: tuple[int, int], ground: Ground) -> Ground:
    """The ground with fSpy's horizon, and its camera's height over the origin where that is below the camera."""
    found = camera_ground(read_fspy(path, photo_size))
    return Ground(found.horizon, found.height if found.height > 0 else ground.camera_height, ground.ceiling)


CLASSES = (CutOutByMask, GroundFromCamera, ReadLayout, SaveLayout)
