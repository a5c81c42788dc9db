"""The cameras that camera checks put into the scene, as far as changes of the photo's scene concern them."""

from __future__ import annotations

import bpy
import msgspec

from ..photo_scene import PhotoScene

CHECK_PROPERTY = "realcam_check"
"""Custom property of a measured camera: the check's result as JSON, described by camera_check.checked_take."""
ERROR_METRES = "error_metres"
"""Animated custom property of a measured camera: metres from where it was asked to be."""


class _WhosePhoto(msgspec.Struct):
    imported_at: float


def is_measured(camera: bpy.types.Object) -> bool:
    """Whether a camera check made the camera."""
    return camera.type == "CAMERA" and CHECK_PROPERTY in camera


def measured_cameras(scene: bpy.types.Scene, photo_scene: PhotoScene) -> list[bpy.types.Object]:
    """The cameras of checks of takes that were made from this photo; their metres are the photo's."""
    return [o for o in scene.objects if is_measured(o) and _whose_photo(o) == photo_scene.record.imported_at]


def _whose_photo(camera: bpy.types.Object) -> float | None:
    text = camera[CHECK_PROPERTY]
    try:
        return msgspec.json.decode(text, type=_WhosePhoto).imported_at if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None
