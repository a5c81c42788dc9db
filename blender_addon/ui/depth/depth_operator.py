"""Estimate Depth: the job thread sends the photo to the server, and the scene is built when its depth is fetched."""

from __future__ import annotations

from typing import ClassVar

import bpy
import msgspec

from ...blend_paths import blend_path
from ...datablocks import reference
from ...generation.depth_job import DepthJob
from ...generation.job_records import PhotoImport
from ...scene import find_photo_scene
from ...timeline.take import Take
from ..jobs.analysis_operator import AnalysisOperator
from ..photo.active_photo import PhotoSubpanel
from ..photo.import_fields import has_depth, import_settings
from ..predictors.estimate_panel import OFFLINE, downloads, draw_estimate
from ..predictors.predictor_choice import chosen_predictor
from ..preferences import online_access


class EstimateDepth(AnalysisOperator, bpy.types.Operator):
    """Have the server estimate the photo's depth in metres, and build the scene of it"""

    bl_idname = "realcam.estimate_depth"
    bl_label = "Estimate Depth"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One job at a time, and only with a photo and a predictor that can run."""
        shot = context.scene.realcam
        predictor = chosen_predictor(shot)
        if not cls.idle():
            return False
        if not shot.photo.photo_path.strip():
            cls.poll_message_set("Choose a photo first")
        elif predictor is not None and predictor.unavailable:
            cls.poll_message_set(f"{predictor.label} cannot run on this server: {predictor.unavailable}")
        elif predictor is not None and downloads(predictor) and not online_access():
            cls.poll_message_set(OFFLINE)
        else:
            return True
        return False

    def job(self, context: bpy.types.Context) -> DepthJob:
        """The depth estimate of the photo and predictor chosen."""
        return depth_job(context.scene)

    def done_message(self, scene: bpy.types.Scene, _take: Take | None) -> str:
        """What was built."""
        photo_scene = find_photo_scene(scene)
        if photo_scene is None:
            return "The depth is built into the scene"
        return photo_scene.summary


def depth_job(scene: bpy.types.Scene) -> DepthJob:
    """The job that Estimate Depth would start now."""
    fields = scene.realcam.photo
    chosen = chosen_predictor(scene.realcam)
    return DepthJob(
        scene=reference(scene),
        predictor=scene.realcam.predictor_name or (chosen.name if chosen is not None else ""),
        photo=PhotoImport(
            path=str(blend_path(fields.photo_path.strip())), **msgspec.structs.asdict(import_settings(fields))
        ),
    )


class DepthPanel(PhotoSubpanel, bpy.types.Panel):
    """Which photo, and the way to its depth by a network."""

    bl_idname = "REALCAM_PT_depth"
    bl_label = "Estimate Depth"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Once a photo was chosen, unless the photo's panel draws this among the ways to its depth."""
        fields = context.scene.realcam.photo
        if fields.waits and fields.photo_path:
            return has_depth(fields)
        return bool(fields.photo_path) or find_photo_scene(context.scene) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """The photo, then what draw_estimate has to say."""
        layout = self.layout
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(context.scene.realcam.photo, "photo_path")
        draw_estimate(layout, context)


CLASSES = (
    EstimateDepth,
    DepthPanel,
)
