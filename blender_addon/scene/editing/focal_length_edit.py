"""Another focal length for a photo that is imported already: the mesh and the cameras are changed in place."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
from mathutils import Matrix

from ...core.arrays import Float64
from ...core.camera.focal_length import FocalSource, check_focal_mm, focal_words
from ...core.camera.lens import FULL_FRAME_WIDTH, focal_pixels, full_frame_focal, lens_of
from ...core.errors import PhotoError
from ..axes import blender_matrix
from ..photo_scene import PhotoScene, editable, store_record
from ..reference_camera import set_optics
from .depth_layout import is_as_laid_out, set_layout, stored_layout
from .overlay import cleaning_shown, show_cleaning
from .rig_dependencies import artists_cameras

SHORTEST, LONGEST = 5.0, 2000.0
"""Millimetres (35 mm equivalent) between which a photo's focal length lies."""

_OPTICS = ("lens", "sensor_fit", "sensor_width", "sensor_height", "shift_x", "shift_y")


def focal_mm(photo_scene: PhotoScene) -> float:
    """The photo's focal length as its 35 mm equivalent, in millimetres."""
    return full_frame_focal(float(photo_scene.intrinsics[0, 0]), *photo_scene.photo_size)


def camera_mm(photo_scene: PhotoScene, mm: float) -> float:
    """The focal length that Blender's camera shows, which counts the frame's width, for a 35 mm equivalent.

    Args:
        photo_scene: For the photo's shape.
        mm: 35 mm equivalent, which counts the frame's diagonal, millimetres.
    """
    width, height = photo_scene.photo_size
    return focal_pixels(mm, width, height) / width * FULL_FRAME_WIDTH


def set_focal_length(scene: bpy.types.Scene, photo_scene: PhotoScene, mm: float) -> PhotoScene:
    """Change the photo's focal length to one that the artist typed.

    Every vertex keeps its depth and its place in the photo, so what was cut, deleted or scaled stays; the principal
    point stays too. A depth that is as it was laid out by hand is laid out anew: a floor depends on the lens. The
    reference camera changes, and with it every camera of the artist's that still has its lens,
    unless that is animated.

    Args:
        scene: The scene.
        photo_scene: The photo.
        mm: 35 mm equivalent, millimetres, SHORTEST to LONGEST.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: The focal length is out of range or the mesh is in Edit Mode.
    """
    if photo_scene.mesh.data.is_editmode:
        raise PhotoError("The mesh is being edited", photo_scene.mesh.name, "Leave Edit Mode to change the lens.")
    check_focal_mm(mm)
    if not SHORTEST <= mm <= LONGEST:
        raise PhotoError(
            "This is no photo's focal length", f"{mm:g} mm", f"It lies between {SHORTEST:g} and {LONGEST:g} mm."
        )
    intrinsics = photo_scene.intrinsics
    intrinsics[[0, 1], [0, 1]] *= mm / focal_mm(photo_scene)
    return set_intrinsics(scene, photo_scene, intrinsics, focal_words(FocalSource.TYPED, mm))


def set_intrinsics(
    scene: bpy.types.Scene, photo_scene: PhotoScene, intrinsics: Float64, focal_source: str
) -> PhotoScene:
    """Change the photo's lens and principal point, as set_focal_length changes its focal length.

    Args:
        scene: The scene.
        photo_scene: The photo, its mesh not in Edit Mode.
        intrinsics: [3, 3] float64 in the photo's pixels.
        focal_source: Where the focal length comes from, as the artist is told it.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: The mesh is linked. Nothing has changed then.
        CameraError: The intrinsics have skew. Nothing has changed then.
    """
    lens_of(intrinsics, *photo_scene.photo_size)  # Refused before anything is changed.
    follows = is_as_laid_out(editable(photo_scene))
    _lift_anew(photo_scene.mesh.data, np.linalg.inv(intrinsics) @ photo_scene.intrinsics)
    if photo_scene.camera is not None:
        _change_lenses(scene, photo_scene.camera, intrinsics, photo_scene.photo_size)
    record = replace(photo_scene.record, intrinsics=intrinsics.tolist(), focal_source=focal_source)
    store_record(photo_scene.mesh, record)
    changed = replace(photo_scene, record=record)
    layout = stored_layout(changed)
    if follows and layout is not None:
        return set_layout(scene, changed, layout)
    if cleaning_shown(changed):
        show_cleaning(changed)
    return changed


def _lift_anew(mesh: bpy.types.Mesh, points_to_points: Float64) -> None:
    """Old points to new ones of the same pixel and depth: [3, 3] inv(new intrinsics) @ old intrinsics, whose last row
    is (0, 0, 1)."""
    mesh.transform(Matrix(blender_matrix(points_to_points).tolist()).to_4x4(), shape_keys=True)
    mesh.update()


def _change_lenses(
    scene: bpy.types.Scene, reference: bpy.types.Object, intrinsics: Float64, photo_size: tuple[int, int]
) -> None:
    before = [getattr(reference.data, name) for name in _OPTICS]
    set_optics(reference.data, intrinsics, photo_size)
    for camera in artists_cameras(scene):
        animated = camera.data.animation_data is not None and camera.data.animation_data.action is not None
        if not animated and [getattr(camera.data, name) for name in _OPTICS] == before:
            set_optics(camera.data, intrinsics, photo_size)
