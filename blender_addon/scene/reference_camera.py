"""The camera that took the photo, as a Blender camera."""

from __future__ import annotations

import bpy

from ..core.arrays import Float64
from ..core.camera.lens import lens_of


def reference_camera(
    name: str, intrinsics: Float64, photo_size: tuple[int, int], far: float, units: float = 1.0
) -> bpy.types.Object:
    """A new camera with the photo's lens, not yet linked to a scene.

    Pixels that are not square are a render setting in Blender: a photo whose fx and fy differ is matched in x.

    Args:
        name: Of the object and its data.
        intrinsics: [3, 3] float64 in the photo's pixels, principal point included.
        photo_size: (width, height) in pixels.
        far: Metres that the camera shall see at least.
        units: Blender units that a metre is drawn as.

    Raises:
        CameraError: The intrinsics have skew; nothing is made then.
    """
    lens_of(intrinsics, *photo_size)  # Refused before anything is made.
    data = bpy.data.cameras.new(name)
    set_optics(data, intrinsics, photo_size)
    data.clip_start, data.clip_end = 0.01 * units, 1000.0 * units
    see_as_far_as(data, far * units)
    return bpy.data.objects.new(name, data)


def hang_camera(subject: bpy.types.Object, camera: bpy.types.Object) -> None:
    """Let a photo's mesh object carry the photo's camera, locked in its place."""
    camera.parent = subject
    for lock in ("lock_location", "lock_rotation", "lock_scale"):
        setattr(camera, lock, (True, True, True))


def see_as_far_as(data: bpy.types.Camera, far: float) -> None:
    """Move a camera's far clipping plane out, if need be.

    Args:
        data: The camera.
        far: Blender units to what it shall see, with room for a shot that takes it further away.
    """
    data.clip_end = max(data.clip_end, 4 * far)


def set_optics(data: bpy.types.Camera, intrinsics: Float64, photo_size: tuple[int, int]) -> None:
    """Give a camera the photo's lens and principal point.

    Args:
        data: The camera.
        intrinsics: [3, 3] float64 in the photo's pixels.
        photo_size: (width, height) in pixels.

    Raises:
        CameraError: The intrinsics have skew.
    """
    lens, _ = lens_of(intrinsics, *photo_size)
    data.sensor_fit, data.sensor_width, data.lens = lens.sensor_fit, lens.sensor_width, lens.focal
    data.shift_x, data.shift_y = lens.shift_x, lens.shift_y
