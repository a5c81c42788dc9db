"""Cameras that a check of a clip put into the scene: what a change of the photo's scene must know of them."""

from __future__ import annotations

import bpy
import msgspec

from ..photo_scene import PhotoScene

CHECK_PROPERTY = "realcam_check"
"""Custom property of a measured camera: what was found, as JSON; camera_check.checked_take has the whole of it."""
ERROR_METRES = "error_metres"
"""Animated custom property of a measured camera: how far it is from where it was asked to be."""


class _WhosePhoto(msgspec.Struct):
    imported_at: float


def is_measured(camera: bpy.types.Object) -> bool:
    """Whether a check made the camera, not the artist."""
    return camera.type == "CAMERA" and CHECK_PROPERTY in camera


def measured_cameras(scene: bpy.types.Scene, photo_scene: PhotoScene) -> list[bpy.types.Object]:
    """The cameras of checks of takes that were made from this photo: their metres are the photo's."""
    return [o for o in scene.objects if is_measured(o) and _whose_photo(o) == photo_scene.record.imported_at]


def _whose_photo(camera: bpy.types.Object) -> float | None:
    text = camera[CHECK_PROPERTY]
    try:
        return msgspec.json.decode(text, type=_WhosePhoto).imported_at if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None
