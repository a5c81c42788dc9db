"""A scene of Blender with the add-on, a photo and animated cameras, and the camera that Generate would send."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import bpy

import blender_addon
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest
from blender_addon.generation.shot_job import clip_trajectory, scene_and_photo
from blender_addon.scene import PhotoScene, import_photo
from blender_addon.ui.shot.requests import shot_request

FIRST, LAST = 1, 11
"""Scene frames of the shot."""


def scene_with_photo(inputs: Path, work: Path, *, saved: bool = True) -> tuple[bpy.types.Scene, PhotoScene]:
    """A fresh file with the add-on registered, and in its scene photo.png with depth.png.

    Args:
        inputs: The folder of both files.
        work: The folder they are copied to.
        saved: Whether the .blend was saved, as work/shot.blend, before the import.
    """
    for name in ("photo.png", "depth.png"):
        shutil.copy(inputs / name, work / name)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 320, 200
    scene.frame_start, scene.frame_end = FIRST, LAST
    if saved:
        bpy.ops.wm.save_as_mainfile(filepath=str(work / "shot.blend"))
    return scene, import_copied_photo(scene, work)


def import_copied_photo(scene: bpy.types.Scene, work: Path) -> PhotoScene:
    """photo.png of the folder `work` with its depth.png, imported into the scene as an artist's defaults have it."""
    return import_photo(scene, ImportRequest(work / "photo.png", DepthFile(work / "depth.png")))


def moving_camera(scene: bpy.types.Scene, name: str, start: float, end: float) -> bpy.types.Object:
    """A camera that looks at the photo's scene and goes from x = start to x = end, metres, over the shot's frames."""
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    scene.collection.objects.link(camera)
    camera.rotation_euler = (math.pi / 2, 0, 0)
    for frame, x in ((FIRST, start), (LAST, end)):
        camera.location = (x, 0, 0)
        camera.keyframe_insert("location", frame=frame)
    return camera


def ask_draft(scene: bpy.types.Scene) -> None:
    """Choose the draft engine in the panel, and 8 frames of 512 x 320."""
    shot = scene.realcam
    shot.engine_name, shot.clip_width, shot.clip_height, shot.clip_frames = "draft", 512, 320, 8


def sent_trajectory(scene: bpy.types.Scene) -> Trajectory:
    """The camera that Generate would send now, relative to the photo's camera."""
    request = shot_request(scene)
    return clip_trajectory(*scene_and_photo(request), request)[0]


def sent_x(scene: bpy.types.Scene) -> list[float]:
    """The x of that camera in each frame, metres, rounded to millimetres."""
    return [round(float(x), 3) for x in sent_trajectory(scene).centres[:, 0]]
