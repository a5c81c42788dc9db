"""Ground and Walls, and Cut Out, as operators that need no mouse: for scripts, and below the tools that draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import (
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    StringProperty,
)
from msgspec.structs import replace

from ...core.depth.layout.layout import CutOut, DepthLayout, Ground, Mask, Point
from ...core.depth.layout.layout_edits import with_cut_out, with_cut_out_changed, with_ground, with_wall, without
from ...core.errors import PhotoError
from ...scene import PhotoScene, find_photo_scene
from ...scene.editing.depth_layout import (
    fitted_cut_out,
    has_other_depth,
    lay_out,
    layout_in_metres,
    layout_to_edit,
    remove_layout,
    standing,
)
from ...scene.importing.mask_file import read_mask
from ..operator_result import OperatorResult
from ..photo.active_photo import ActivePhotoMixin, LeftEditMode, active_photo
from ..redraw import redraw
from .import_laid_out import import_laid_out, waiting_photo
from .layout_fields import PARTS


class RealCamPhotoPoint(bpy.types.PropertyGroup):
    """A point of the photo."""

    place: FloatVectorProperty(
        name="Place",
        description="Of the point in the photo: shares of its width from the left and of its height from the top",
        size=2,
        precision=3,
    )


class ChangesLayout(ActivePhotoMixin):
    """Mixed into an operator: changes the photo's layout, and reports why it cannot."""

    message: ClassVar[str] = ""

    def execute(self: Any, context: bpy.types.Context) -> OperatorResult:
        """Change it, in Edit Mode too."""
        photo = active_photo(context)
        with LeftEditMode(context):
            photo = lay_out(context.scene, photo, self.changed(photo, layout_to_edit(photo)))
        context.scene.realcam.layout.refused = ""
        redraw()
        self.report({"INFO"}, photo.summary)
        return {"FINISHED"}

    def changed(self, photo: PhotoScene, layout: DepthLayout) -> DepthLayout:
        """The layout as it shall be, in metres."""
        raise NotImplementedError


class GroundAndWalls(bpy.types.Operator):
    """Make the photo's depth of its horizon and the camera's height: no depth file and no network is needed. Then draw
    walls and cut-outs on it"""

    bl_idname = "realcam.ground_and_walls"
    bl_label = "Ground and Walls"
    bl_description = (
        "Make the photo's depth of its horizon and the camera's height: no depth file and no network is needed. Then "
        "drag the horizon, and draw walls along the edge of the floor"
    )
    # Not to be done again from the redo panel: what was drawn since would be lost.
    bl_options: ClassVar[set[str]] = {"UNDO"}

    horizon_left: FloatProperty(
        name="Horizon Left", description="Share of the photo's height from its top at its left edge", default=0.5
    )
    horizon_right: FloatProperty(
        name="Horizon Right", description="Share of the photo's height from its top at its right edge", default=0.5
    )
    camera_height: FloatProperty(name="Camera Height (m)", description="Of the camera above the ground", default=1.6)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a photo, in the panel or in the scene."""
        if not waiting_photo(context.scene) and find_photo_scene(context.scene) is None:
            cls.poll_message_set("Choose a photo first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """With the first guess in the scene, drag the horizon and draw."""
        done = self.execute(context)
        if done == {"FINISHED"} and context.area is not None and context.area.type == "VIEW_3D":
            bpy.ops.realcam.edit_layout("INVOKE_DEFAULT")
        return done

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Import the photo that waits in the panel with a first guess; one that is in the scene gets a ground."""
        ground = Ground((self.horizon_left, self.horizon_right), self.camera_height)
        if waiting_photo(context.scene):
            photo, said = import_laid_out(context.scene, DepthLayout(ground=ground))
        else:
            photo, said = active_photo(context), []
            with LeftEditMode(context):
                photo = _with_ground(context.scene, photo, ground)
        context.scene.realcam.layout.is_open = True
        redraw()
        self.report({"INFO"}, " ".join([f"{photo.summary}.", *said]))
        return {"FINISHED"}


class SetGround(ChangesLayout, bpy.types.Operator):
    """Change the ground of the photo: its horizon, the camera's height, a ceiling, the distance of the backdrop"""

    bl_idname = "realcam.set_ground"
    bl_label = "Set Ground"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    horizon_left: FloatProperty(
        name="Horizon Left", description="Share of the photo's height from its top at its left edge", default=0.5
    )
    horizon_right: FloatProperty(
        name="Horizon Right", description="Share of the photo's height from its top at its right edge", default=0.5
    )
    camera_height: FloatProperty(name="Camera Height (m)", description="Of the camera above the ground", default=1.6)
    ceiling: FloatProperty(name="Ceiling (m)", description="Height above the ground. 0: none")
    farthest: FloatProperty(name="Farthest (m)", description="Distance of the backdrop. 0: left open")

    def changed(self, _photo: PhotoScene, layout: DepthLayout) -> DepthLayout:
        """What is not given stays as it is."""
        given = self.properties.is_property_set
        ground = layout.ground or Ground()
        left, right = ground.horizon
        layout = with_ground(
            layout,
            horizon=(
                self.horizon_left if given("horizon_left") else left,
                self.horizon_right if given("horizon_right") else right,
            ),
            camera_height=self.camera_height if given("camera_height") else ground.camera_height,
            ceiling=(self.ceiling or None) if given("ceiling") else ground.ceiling,
        )
        return replace(layout, farthest=self.farthest or None) if given("farthest") else layout


class AddWall(ChangesLayout, bpy.types.Operator):
    """Stand an upright wall on the ground along an edge of the photo"""

    bl_idname = "realcam.add_wall"
    bl_label = "Add Wall"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    points: CollectionProperty(
        type=RealCamPhotoPoint, name="Points", description="The edge where wall and ground meet, from end to end"
    )
    name: StringProperty(name="Name", description="Of the wall")

    def changed(self, _photo: PhotoScene, layout: DepthLayout) -> DepthLayout:
        """One wall more."""
        return with_wall(layout, _places(self.points), self.name)


class CutOutPart(ChangesLayout, bpy.types.Operator):
    """Put a region of the photo on an upright plane of its own, where it touches the ground"""

    bl_idname = "realcam.cut_out"
    bl_label = "Cut Out"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    points: CollectionProperty(type=RealCamPhotoPoint, name="Points", description="The outline of the region")
    mask: StringProperty(
        name="Mask",
        description="A picture in the photo's shape that is bright where the thing is, instead of an outline",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    foot: FloatVectorProperty(
        name="Foot",
        description="Where it touches the ground, as shares of the photo's width and height; its lowest point unless "
        "given",
        size=2,
    )
    distance: FloatProperty(
        name="Distance (m)",
        description="From the camera along the viewing axis. 0: where its foot touches the ground",
        min=0.0,
    )
    name: StringProperty(name="Name", description="Of the cut-out")

    def changed(self, photo: PhotoScene, layout: DepthLayout) -> DepthLayout:
        """One cut-out more."""
        mask: Mask | None = None
        if self.mask:
            mask = read_mask(Path(bpy.path.abspath(self.mask)), photo.photo_size)
        foot = tuple(self.foot) if self.properties.is_property_set("foot") else None
        cut_out = CutOut(_places(self.points), mask, foot, self.distance or None, name=self.name)
        return with_cut_out(layout, standing(photo, cut_out, layout) if mask or len(cut_out.outline) else cut_out)


class SelectPart(bpy.types.Operator):
    """Show the fields of this wall or cut-out"""

    bl_idname = "realcam.select_layout_part"
    bl_label = "Select"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    part: EnumProperty(name="Part", description="Its kind", items=PARTS)
    index: IntProperty(name="Number", description="Its number in the list, from 0", min=0)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Select it."""
        fields = context.scene.realcam.layout
        fields.part, fields.part_index = self.part, self.index
        redraw()
        return {"FINISHED"}


class RemovePart(ChangesLayout, bpy.types.Operator):
    """Remove this wall or cut-out"""

    bl_idname = "realcam.remove_layout_part"
    bl_label = "Remove"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    part: EnumProperty(name="Part", description="Its kind", items=PARTS)
    index: IntProperty(name="Number", description="Its number in the list, from 0", min=0)

    def changed(self, _photo: PhotoScene, layout: DepthLayout) -> DepthLayout:
        """One part less."""
        return without(layout, self.part, self.index)


class FitCutOut(ChangesLayout, bpy.types.Operator):
    """Move the outline of this cut-out onto the edges that the photo has near it. Press again to go on from there"""

    bl_idname = "realcam.fit_cut_out"
    bl_label = "Fit Outline"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    index: IntProperty(name="Number", description="Its number in the list, from 0", min=0)

    def changed(self, photo: PhotoScene, layout: DepthLayout) -> DepthLayout:
        """It has a mask from then on."""
        if not self.index < len(layout.cut_outs):
            raise PhotoError("There is no such cut-out", f"number {self.index} of {len(layout.cut_outs)}, from 0")
        fitted = fitted_cut_out(photo, layout.cut_outs[self.index])
        return with_cut_out_changed(layout, self.index, outline=(), mask=fitted.mask)


class RemoveLayout(ActivePhotoMixin, bpy.types.Operator):
    """Take ground, walls and cut-outs away: the photo has the depth again that it had before them"""

    bl_idname = "realcam.remove_layout"
    bl_label = "Depth as Before"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where there is another depth."""
        if not super().poll(context):
            return False
        if not has_other_depth(active_photo(context)):
            cls.poll_message_set("The photo had no depth before")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take them away."""
        with LeftEditMode(context):
            photo = remove_layout(active_photo(context))
        self.report({"INFO"}, photo.summary)
        return {"FINISHED"}


def _with_ground(scene: bpy.types.Scene, photo: PhotoScene, ground: Ground) -> PhotoScene:
    """The photo with a ground; one that it has already stays."""
    layout = layout_in_metres(photo)
    if layout is not None and layout.ground is not None:
        return photo
    return lay_out(scene, photo, replace(layout or DepthLayout(farthest=None), ground=ground))


def _places(points: Any) -> tuple[Point, ...]:
    return tuple((point.place[0], point.place[1]) for point in points)


CLASSES = (
    RealCamPhotoPoint,
    GroundAndWalls,
    SetGround,
    AddWall,
    CutOutPart,
    SelectPart,
    RemovePart,
    FitCutOut,
    RemoveLayout,
)
