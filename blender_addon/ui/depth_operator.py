"""Estimate depth: the photo goes to the server by the job thread, the scene is built when its depth is here."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..core.errors import RealCamError
from ..generation.depth_run import DepthOrder, DepthRun, estimate_blocking
from ..generation.job_records import PhotoOrder
from ..generation.jobs import jobs
from .depth_choice import chosen_predictor
from .import_operator import camera_to_animate
from .preferences import server_settings
from .runtime import redraw, runtime, start_timer

Result = set[str]

STEP_SECONDS = 0.05

_waiting: list[DepthRun] = []
"""The request that waits for the server to answer: at most one."""


class EstimateDepth(bpy.types.Operator):
    """Have the server estimate the photo's depth in metres, and build the scene of it"""

    bl_idname = "realcam.estimate_depth"
    bl_label = "Estimate Depth"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One job at a time, and only with a photo and a predictor that can run."""
        shot = context.scene.realcam
        predictor = chosen_predictor(shot)
        if jobs.busy:
            cls.poll_message_set("A job is under way: wait until it is done, or cancel it")
        elif not shot.photo.photo_path.strip():
            cls.poll_message_set("Choose a photo first")
        elif predictor is not None and predictor.unavailable:
            cls.poll_message_set(f"{predictor.label} cannot run on this server: {predictor.unavailable}")
        else:
            return True
        return False

    def execute(self, context: bpy.types.Context) -> Result:
        """In background Blender to the end; in a window the request is sent and the panel shows how it goes."""
        order = depth_order(context.scene)
        try:
            if bpy.app.background:
                return self._to_the_end(context, order)
            _waiting[:] = [DepthRun(jobs, order, server_settings(), runtime.records())]
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        start_timer()
        bpy.app.timers.register(_step, persistent=True)
        return {"FINISHED"}

    def _to_the_end(self, context: bpy.types.Context, order: DepthOrder) -> Result:
        photo_scene = estimate_blocking(jobs, order, server_settings(), runtime.records())
        context.scene.realcam.depth_edge = photo_scene.depth_edge
        if order.photo.add_camera:
            context.scene.camera = camera_to_animate(context.scene, photo_scene)
        self.report({"INFO"}, f"{photo_scene.vertices:,} vertices; focal length: {photo_scene.focal_source}")
        return {"FINISHED"}


def depth_order(scene: bpy.types.Scene) -> DepthOrder:
    """What Estimate Depth would ask for now."""
    fields = scene.realcam.photo
    chosen = chosen_predictor(scene.realcam)
    return DepthOrder(
        scene=scene.name,
        predictor=scene.realcam.predictor_name or (chosen.name if chosen is not None else ""),
        photo=PhotoOrder(
            path=bpy.path.abspath(fields.photo_path.strip()),
            focal_mm=fields.focal_mm or None,
            prefer_focal_mm=fields.prefer_focal_mm,
            calibration=tuple(fields.calibration),
            depth_edge=fields.depth_edge,
            max_vertices=fields.max_vertices,
            add_camera=fields.add_camera,
        ),
    )


def _step() -> float | None:
    """Timer: until the request is handed to the job thread."""
    more = bool(_waiting) and _waiting[0].step()
    redraw()
    if more:
        return STEP_SECONDS
    _waiting.clear()
    return None


CLASSES = (EstimateDepth,)
