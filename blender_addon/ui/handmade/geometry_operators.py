"""My Geometry: meshes that the artist placed become the photo's depth, and again after they were moved."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ...core.errors import RealCamError
from ...scene.editing.geometry_choice import GeometryChoice, stored_choice
from ...scene.editing.placed_geometry import has_surface
from ...scene.handmade.block_out import begin_block_out, end_block_out, is_blocking_out
from ...scene.handmade.geometry_depth import take_geometry
from ..lengths.length_fields import draw_length
from ..operator_result import OperatorResult
from ..photo.active_photo import ActivePhotoMixin, active_photo
from ..photo.first_look import leave_photos_camera
from .object_mode import OutsideModes

DENSE = 5_000
"""Faces of a mesh whose wires would hide the photo."""


class DepthFromGeometry(ActivePhotoMixin, bpy.types.Operator):
    """Make boxes, a scan or other meshes that you placed the photo's depth, as the photo's camera sees them"""

    bl_idname = "realcam.depth_from_geometry"
    bl_label = "My Geometry"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    source: EnumProperty(
        name="Geometry",
        description="What becomes depth. The photos' own meshes and hidden objects never count",
        items=(
            ("SELECTED", "Selected", "The selected objects"),
            ("COLLECTION", "Collection", "All objects of a collection, and of those inside it"),
            ("VISIBLE", "All Visible", "All visible objects"),
        ),
        options={"SKIP_SAVE"},
    )
    collection: StringProperty(
        name="Collection", description="The collection that holds the geometry", options={"SKIP_SAVE"}
    )
    rest: EnumProperty(
        name="Not Covered",
        description="The depth of what the geometry does not cover",
        items=(
            ("KEEP", "As It Was", "The depth that was there before"),
            ("DISTANCE", "At a Distance", "A plane that far ahead of the camera"),
            ("UNKNOWN", "Unknown", "None: the clip's engine fills it"),
        ),
        options={"SKIP_SAVE"},
    )
    distance: FloatProperty(
        name="Distance (m)",
        description="From the photo's camera to what the geometry does not cover",
        default=20.0,
        min=0.01,
        soft_max=200.0,
        options={"SKIP_SAVE"},
    )
    nearer_only: BoolProperty(
        name="Only Where Nearer",
        description="Keep the depth that was there where it is nearer than the geometry",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Begin with what was chosen the last time, else with what is selected, else with all there is."""
        stored = stored_choice(active_photo(context))
        if stored is not None:
            self.rest, self.distance, self.nearer_only = stored.rest, stored.distance, stored.nearer_only
        if not self.properties.is_property_set("source"):
            chosen = any(has_surface(subject) for subject in context.selected_objects)
            self.source = "SELECTED" if chosen else "VISIBLE"
            if not chosen and stored is not None and stored.collection is not None:
                self.source, self.collection = "COLLECTION", stored.collection.name
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take it, in Edit Mode too."""
        choice = GeometryChoice(
            source=self.source,
            objects=tuple(context.selected_objects) if self.source == "SELECTED" else (),
            collection=_collection(context, self.collection),
            rest=self.rest,
            distance=self.distance,
            nearer_only=self.nearer_only,
        )
        return take_with(self, context, choice)

    def draw(self, _context: bpy.types.Context) -> None:
        """The redo panel."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "source")
        if self.source == "COLLECTION":
            layout.prop_search(self, "collection", bpy.data, "collections")
        layout.prop(self, "rest")
        if self.rest == "DISTANCE":
            draw_length(layout, self, "distance")
        layout.prop(self, "nearer_only")


def _collection(context: bpy.types.Context, name: str) -> bpy.types.Collection | None:
    """The collection of a name: the one that was taken the last time, else one of the scene, else any of the file."""
    stored = stored_choice(active_photo(context))
    last = None if stored is None else stored.collection
    found = [collection for collection in bpy.data.collections if collection.name == name]
    scene = set(context.scene.collection.children_recursive)
    found.sort(key=lambda collection: (collection != last, collection not in scene))
    return next(iter(found), None)


class UpdateGeometry(ActivePhotoMixin, bpy.types.Operator):
    """Take the depth from the same geometry again, after you moved or changed it"""

    bl_idname = "realcam.update_geometry"
    bl_label = "Update from Geometry"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when geometry was taken."""
        if not super().poll(context):
            return False
        if stored_choice(active_photo(context)) is None:
            cls.poll_message_set("No geometry was taken yet: press My Geometry first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take it again."""
        choice = stored_choice(active_photo(context))
        assert choice is not None
        return take_with(self, context, choice)


def take_with(operator: bpy.types.Operator, context: bpy.types.Context, choice: GeometryChoice) -> OperatorResult:
    """Make the geometry the photo's depth, and report.

    Args:
        operator: Reports.
        context: For the scene and what is visible in it.
        choice: What becomes depth.
    """
    photo, scene = active_photo(context), context.scene
    blocking = is_blocking_out(photo)
    try:
        with OutsideModes(context):
            # Blender does not evaluate what is hidden: where the photo's camera stands is the mesh's to say.
            end_block_out(scene, photo)
            taken = take_geometry(scene, photo, context.evaluated_depsgraph_get(), choice)
    except RealCamError as error:
        if blocking:
            begin_block_out(scene, photo)
        operator.report({"ERROR"}, error.sentence)
        return {"CANCELLED"}
    leave_photos_camera(scene, photo)
    _show_as_wires(stored_choice(taken.photo_scene))
    operator.report({"WARNING" if taken.warning else "INFO"}, taken.words)
    return {"FINISHED"}


def _show_as_wires(choice: GeometryChoice | None) -> None:
    """Show what was taken as wires, a dense mesh by its bounds: the photo's mesh stands where its surfaces stand."""
    for subject in () if choice is None else choice.objects:
        if subject.library is None and subject.display_type in ("SOLID", "TEXTURED"):
            dense = subject.type == "MESH" and len(subject.data.polygons) > DENSE
            subject.display_type = "BOUNDS" if dense else "WIRE"


CLASSES = (DepthFromGeometry, UpdateGeometry)
