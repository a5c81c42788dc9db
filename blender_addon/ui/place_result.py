"""What was fetched goes where it belongs, with the panel's own choices."""

from __future__ import annotations

import bpy

from ..generation.check_run import place_check
from ..generation.depth_run import place_depth
from ..generation.job_records import JobRecord
from ..generation.placing import place_clip
from ..timeline.take import Take
from .import_operator import camera_to_animate
from .takes_list import find_take


def place_result(record: JobRecord, scene: bpy.types.Scene) -> Take | None:
    """A clip becomes a take, depth the photo's scene, a check the achieved camera. Returns the take to be selected.

    Raises RealCamError; what was fetched stays then.
    """
    if record.photo is not None:
        photo_scene = place_depth(record)
        scene.realcam.depth_edge = photo_scene.depth_edge
        if record.photo.add_camera:
            scene.camera = camera_to_animate(scene, photo_scene)
        return None
    if record.check is not None:
        place_check(record)
        return find_take(scene, record.check.shot, record.check.take)
    shot = scene.realcam
    return place_clip(record, background=shot.show_in_background, compositor=shot.show_in_compositor)
