"""What the panel edits and the .blend keeps: `scene.realcam`, typed, with units, ranges and tooltips."""

from __future__ import annotations

from contextlib import suppress

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..core.errors import RealCamError
from ..scene import find_photo_scene, set_depth_edge
from . import clip_format, engine_choice
from .engine_options import option_properties
from .guarded_operators import guarded
from .layout.layout_fields import RealCamLayoutFields
from .lengths.length_fields import with_lengths
from .photo.import_fields import PhotoImportFields, setting_property
from .predictors import predictor_choice
from .predictors.ask_server import ask_for_a_waiting_photo
from .takes import clip_places
from .takes.take_item import RealCamTakeItem


def _depth_edge_changed(shot: RealCamShot, _context: bpy.types.Context) -> None:
    photo_scene = find_photo_scene(shot.id_data)
    if photo_scene is None or abs(photo_scene.depth_edge - shot.depth_edge) < 1e-6:
        return
    # Refused in Edit Mode: the panel says so for as long as mesh and slider differ.
    with suppress(RealCamError):
        set_depth_edge(photo_scene, shot.depth_edge)


def _photo_chosen(fields: RealCamPhotoImport, _context: bpy.types.Context) -> None:
    fields.waits = bool(fields.photo_path.strip())
    if fields.waits:
        ask_for_a_waiting_photo()


class RealCamEngineOption(bpy.types.PropertyGroup):
    """One option of an engine as the .blend keeps it; `name` says which. Its kind says which of the values counts."""

    bool_value: BoolProperty(options={"HIDDEN"})
    int_value: IntProperty(options={"HIDDEN"})
    float_value: FloatProperty(options={"HIDDEN"})
    text_value: StringProperty(options={"HIDDEN"})


class RealCamPhotoImport(PhotoImportFields, bpy.types.PropertyGroup):
    """The import's fields as the panel holds them."""

    photo_path: StringProperty(
        name="Photo",
        description="The photo to import",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        update=_photo_chosen,
    )
    waits: BoolProperty(name="Waits", description="The photo was chosen and is not imported yet", options={"HIDDEN"})


class RealCamShot(bpy.types.PropertyGroup):
    """One shot: the artist's choices, and the name under which its clips are kept."""

    name: StringProperty(
        name="Shot",
        description="Clips are kept beside the .blend file, in realcam/<this name>",
        default="shot",
        maxlen=64,
    )
    photo: PointerProperty(type=RealCamPhotoImport)
    layout: PointerProperty(
        type=RealCamLayoutFields, name="Layout", description="Ground, walls and cut-outs of the photo"
    )
    shows_geometry: BoolProperty(
        name="Geometry and Shape", description="Show how placed geometry becomes depth", options={"HIDDEN"}
    )
    depth_edge: setting_property("depth_edge", update=_depth_edge_changed)
    use_scene_range: BoolProperty(
        name="Scene Range",
        description="The shot is the scene's frame range. Off: a range of its own",
        default=True,
    )
    frame_start: IntProperty(
        name="First Frame",
        description="First frame of the shot",
        default=1,
        min=-1048574,
        max=1048574,
        subtype="TIME",
    )
    frame_end: IntProperty(
        name="Last Frame",
        description="Last frame of the shot, included",
        default=48,
        min=-1048574,
        max=1048574,
        subtype="TIME",
    )
    preview_method: EnumProperty(
        name="Preview",
        description="How the preview frames that guide the engine are rendered",
        items=(
            ("EEVEE", "Eevee", "Exact: the photo's own pixels"),
            ("WORKBENCH", "Workbench", "Quick: flat texture, some ten times faster without a GPU"),
        ),
        default="EEVEE",
    )
    predictor_name: StringProperty(options={"HIDDEN"})
    predictor: EnumProperty(
        name="Predictor",
        description="What estimates the photo's depth. The list is the server's",
        items=predictor_choice.predictor_items,
        get=predictor_choice.get_predictor,
        set=predictor_choice.set_predictor,
    )
    predictor_scenes: EnumProperty(
        name="Scenes",
        description="What the photo shows: each network was trained for one",
        items=predictor_choice.scenes_items,
        get=predictor_choice.get_scenes,
        set=predictor_choice.set_scenes,
    )
    predictor_size: EnumProperty(
        name="Size",
        description="Of the network, with the size of its weights",
        items=predictor_choice.size_items,
        get=predictor_choice.get_size,
        set=predictor_choice.set_size,
    )
    engine_name: StringProperty(default="draft", options={"HIDDEN"})
    also_engines: StringProperty(options={"HIDDEN"})
    clip_width: IntProperty(default=512, min=16, options={"HIDDEN"})
    clip_height: IntProperty(default=320, min=16, options={"HIDDEN"})
    clip_frames: IntProperty(default=16, min=2, options={"HIDDEN"})
    engine: EnumProperty(
        name="Engine",
        description="What makes the clip. The list is the server's",
        items=engine_choice.engine_items,
        get=engine_choice.get_engine,
        set=engine_choice.set_engine,
    )
    size: EnumProperty(
        name="Clip Size",
        description="Pixels of the clip. Until you choose one, the size that fits your render best. Your render's "
        "frame is fitted inside and the clip laid back where it belongs",
        items=clip_format.size_items,
        get=clip_format.get_size,
        set=clip_format.set_size,
    )
    frame_count: EnumProperty(
        name="Clip Frames",
        description="How many frames the engine makes. They are spread evenly over the shot's frame range",
        items=clip_format.frame_count_items,
        get=clip_format.get_frame_count,
        set=clip_format.set_frame_count,
    )
    options: CollectionProperty(type=RealCamEngineOption)
    show_comparison: BoolProperty(
        name="Compare Engines",
        description="Show each engine with what it takes, and what of this shot it would lose",
        default=False,
    )
    show_options: BoolProperty(
        name="Engine Options", description="Show what the engine can be told besides", default=True
    )
    show_expert: BoolProperty(name="Expert", description="Show the options that a clip seldom needs")
    prompt: StringProperty(
        name="Prompt",
        description="What is in the picture and how it moves, in words. The draft engine does not read it",
        maxlen=2000,
    )
    negative_prompt: StringProperty(
        name="Avoid",
        description="What shall not be seen. The draft engine does not read it",
        maxlen=2000,
    )
    last_image: StringProperty(
        name="Last Image",
        description="A picture of what the shot's last frame shall show, in the shape of your render. Empty: the "
        "engine ends as its mode says",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    seed: IntProperty(
        name="Seed",
        description="The same seed with the same settings makes the same clip",
        default=0,
        min=0,
        max=2**31 - 1,
    )
    show_in_background: BoolProperty(
        name="Camera Background",
        description="Show the clip in the camera's view, half see-through over the scene; Back puts it behind, where "
        "the photo's mesh hides it. Acts at once",
        default=True,
        update=clip_places.background_switched,
    )
    show_in_compositor: BoolProperty(
        name="Compositor",
        description="Render your objects over the clip (F12). Sets, and puts back when it is pressed again, what that "
        "needs: a transparent film, the photo's mesh a holdout, compositing on, F12 renders the scene",
        default=False,
        update=clip_places.compositor_switched,
    )
    f12_renders: EnumProperty(
        name="F12 Renders",
        description="What Render Image and Render Animation give",
        items=clip_places.F12_ITEMS,
        get=clip_places.f12_renders,
        set=clip_places.set_f12,
    )
    show_check_paths: BoolProperty(
        name="Paths of Checked Cameras",
        description="Draw, in the 3D views, the path each checked take was asked to follow (blue), the one it did "
        "(orange), and what lies between them at each frame (red)",
        default=True,
    )
    takes: CollectionProperty(type=RealCamTakeItem)
    take_index: IntProperty(name="Take", description="The selected take", default=0)

    def frame_range(self) -> tuple[int, int]:
        """The (first, last) frame of the shot as chosen; the first may be after the last."""
        if self.use_scene_range:
            return self.id_data.frame_start, self.id_data.frame_end
        return self.frame_start, self.frame_end


_CLASSES = (RealCamEngineOption, RealCamPhotoImport, RealCamLayoutFields, RealCamTakeItem, RealCamShot)


def register() -> None:
    """Register the property groups and `scene.realcam`."""
    for cls in guarded(with_lengths(_CLASSES)):
        bpy.utils.register_class(cls)
    bpy.types.Scene.realcam = PointerProperty(type=RealCamShot)
    option_properties.register(RealCamShot)


def unregister() -> None:
    """Unregister them. What a .blend holds stays in it."""
    option_properties.unregister()
    del bpy.types.Scene.realcam
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
