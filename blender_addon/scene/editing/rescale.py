"""The photo's scene made larger or smaller about the camera that took the photo, and every shot in it with it.

`rescale` scales the mesh's data, not its object. The data is in metres: the engine's depth is read from it, and camera
paths are measured in it. The object's scale only says how large those metres are drawn in the artist's world (a model
at 1:10); the artist chose it, and it stays. `draw_in_units` scales that alone: the metres stay.
"""

from __future__ import annotations

from contextlib import ExitStack

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ...core.arrays import Float64
from ...core.errors import CameraError, PhotoError
from ..mesh import TAKEN
from ..photo_scene import PhotoScene, editable, photo_scenes
from ..scene_frame import go_to_frame, kept_frame
from ..units import units_apart
from .fcurve_edits import ChannelEdits
from .measured_cameras import ERROR_METRES, measured_cameras
from .rig_dependencies import artists_cameras, moving_objects, parents

LOOKS = 9
"""How many frames of the scene's range every camera is checked at."""
TOLERANCE = 1e-4
"""The rounding error allowed: as a share of a camera's distance, and as a difference of rotation matrices."""


def rescale(scene: bpy.types.Scene, photo_scene: PhotoScene, factor: float) -> None:
    """Multiply every distance of the photo's scene and its shots about the photo's camera.

    Keyframes with their handles, scales of what carries a camera, focus and clipping distances change too, so that
    every camera sees the photo's mesh as before.

    Args:
        scene: The scene.
        photo_scene: The photo.
        factor: Above 0.

    Raises:
        PhotoError: The mesh is in Edit Mode or linked. Nothing has changed then.
        CameraError: A camera would not keep its framing. Nothing has changed then.
    """
    _scale_all(scene, photo_scene, factor, drawn=False)


def draw_in_units(scene: bpy.types.Scene, photo_scene: PhotoScene) -> None:
    """Draw a metre of the photo as a metre as the scene's units show it, and the shots as much larger or smaller.

    The scene's other photos that are drawn alike, and what is tied to the photo and its cameras, grow with it. No
    metre of a photo changes, and no shot.

    Raises:
        PhotoError: The mesh is in Edit Mode or linked. Nothing has changed then.
        CameraError: A camera would not keep its framing. Nothing has changed then.
    """
    _scale_all(scene, photo_scene, units_apart(scene, photo_scene.world.median_scale), drawn=True)


def _scale_all(scene: bpy.types.Scene, photo_scene: PhotoScene, factor: float, drawn: bool) -> None:
    """See rescale and, with `drawn`, draw_in_units."""
    if photo_scene.mesh.data.is_editmode:
        raise PhotoError("The mesh is being edited", photo_scene.mesh.name, "Leave Edit Mode to change the scale.")
    editable(photo_scene)
    measured = measured_cameras(scene, photo_scene)
    cameras = [*artists_cameras(scene), *measured]
    before = _poses(scene, photo_scene, cameras)
    with ExitStack() as undo:
        undo.callback(_evaluate, scene)
        edits = ChannelEdits(undo)
        moving = moving_objects(scene, photo_scene)
        if drawn:
            moving += _drawn_alike(scene, photo_scene)
        else:
            _scale_mesh(photo_scene.mesh.data, factor, undo)
        centre = Vector(before.centre)
        # Roots are placed by where their parents stand now, so all are looked at before any is moved.
        places = {o: _centre_in_channels(o, centre) for o in moving}
        for subject in moving:
            _scale_object(subject, set(moving), factor, places[subject], edits)
        for camera in measured:
            if ERROR_METRES in camera and not drawn:
                edits.affine(camera, f'["{ERROR_METRES}"]', factor)
        for camera in (*cameras, photo_scene.camera):
            if camera is not None:
                _scale_optics(camera.data, factor, edits)
        after = _poses(scene, photo_scene, cameras)
        lost = [camera for camera in cameras if not before.keeps_framing(after, camera, factor)]
        if lost:
            raise _framing_error(lost)
        undo.pop_all()


def _drawn_alike(scene: bpy.types.Scene, photo_scene: PhotoScene) -> list[bpy.types.Object]:
    """The meshes of the scene's photos that are drawn as large as this one, this one's first."""
    units = photo_scene.world.median_scale
    photos = [photo for photo in photo_scenes(scene) if abs(photo.world.median_scale / units - 1) < 1e-3]
    return [photo.mesh for photo in photos]


class _Poses:
    """World matrices [F, 4, 4] of cameras over the scene's frames, and of the photo's camera."""

    def __init__(self, reference: Float64, cameras: dict[bpy.types.Object, Float64]) -> None:
        self.reference = reference
        self.cameras = cameras
        self.centre: list[float] = reference[0, :3, 3].tolist()

    def keeps_framing(self, after: _Poses, camera: bpy.types.Object, factor: float) -> bool:
        """Whether a camera stands `factor` times as far from the photo's camera as before and looks the same way."""
        was, now = self.cameras[camera], after.cameras[camera]
        away = was[:, :3, 3] - self.reference[:, :3, 3]
        moved = now[:, :3, 3] - after.reference[:, :3, 3]
        reach = factor * (np.linalg.norm(away, axis=1).max() + 1e-3) + np.abs(now[:, :3, 3]).max() * 1e-2
        turned = np.abs(_rotations(now) - _rotations(was)).max()
        return bool(np.abs(moved - factor * away).max() <= TOLERANCE * reach and turned <= TOLERANCE)


def _poses(scene: bpy.types.Scene, photo_scene: PhotoScene, cameras: list[bpy.types.Object]) -> _Poses:
    now = scene.frame_current + scene.frame_subframe
    times = [now, *np.linspace(scene.frame_start, max(scene.frame_start, scene.frame_end), LOOKS)]
    reference: list[Matrix] = []
    found: dict[bpy.types.Object, list[Matrix]] = {camera: [] for camera in cameras}
    with kept_frame(scene):
        for time in times:
            go_to_frame(scene, float(time))
            reference.append(photo_scene.mesh.matrix_world.copy())
            for camera in cameras:
                found[camera].append(camera.matrix_world.copy())
    return _Poses(np.array(reference, np.float64), {camera: np.array(m, np.float64) for camera, m in found.items()})


def _rotations(world: Float64) -> Float64:
    """[F, 3, 3] rotations of world matrices, without scale."""
    axes = world[:, :3, :3]
    return np.asarray(axes / np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-30), dtype=np.float64)


def _scale_mesh(mesh: bpy.types.Mesh, factor: float, undo: ExitStack) -> None:
    undo.callback(mesh.update)
    shapes = mesh.shape_keys.key_blocks if mesh.shape_keys is not None else ()
    taken = mesh.attributes.get(TAKEN)
    lengths = [(points, "co", 3) for points in (mesh.vertices, *(shape.data for shape in shapes))]
    for items, field, width in [*lengths, *([] if taken is None else [(taken.data, "value", 1)])]:
        kept = np.empty(width * len(items), dtype=np.float32)
        items.foreach_get(field, kept)
        undo.callback(items.foreach_set, field, kept)
        items.foreach_set(field, (kept.astype(np.float64) * factor).astype(np.float32))
    mesh.update()


def _scale_object(
    subject: bpy.types.Object,
    moving: set[bpy.types.Object],
    factor: float,
    centre: Vector,
    edits: ChannelEdits,
) -> None:
    """Move an object away from the centre, in its own channels.

    An object that is no camera grows as well, and so moves what it carries: a carried object is left as it is.
    """
    carrying = [other for other in parents(subject) if other in moving]
    for constraint in subject.constraints:
        if constraint.type == "LIMIT_DISTANCE":
            path = f'constraints["{bpy.utils.escape_identifier(constraint.name)}"].distance'
            edits.affine(subject, path, factor, holder=constraint)
    if any(other.type != "CAMERA" for other in carrying):
        return
    if carrying:
        # A camera does not grow: what hangs on it is moved in the camera's own axes.
        inverse = subject.matrix_parent_inverse.copy()
        edits.undo.callback(setattr, subject, "matrix_parent_inverse", inverse.copy())
        inverse.translation *= factor
        subject.matrix_parent_inverse = inverse
        edits.affine(subject, "location", factor)
        edits.affine(subject, "delta_location", factor)
    else:
        offset = (1 - factor) * (np.array(centre) - np.array(subject.delta_location))
        edits.affine(subject, "location", factor, offset)
    if subject.type != "CAMERA":
        edits.affine(subject, "scale", factor)


def _centre_in_channels(subject: bpy.types.Object, centre: Vector) -> Vector:
    """A world point in the space of the object's location."""
    if subject.parent is None:
        return centre
    space = subject.parent.matrix_world @ subject.matrix_parent_inverse
    return Vector(space.inverted_safe() @ centre)


def _scale_optics(camera: bpy.types.Camera, factor: float, edits: ChannelEdits) -> None:
    edits.affine(camera, "dof.focus_distance", factor, holder=camera.dof)
    for path in ("clip_start", "clip_end") if factor < 1 else ("clip_end", "clip_start"):
        edits.affine(camera, path, factor)


def _framing_error(cameras: list[bpy.types.Object]) -> CameraError:
    held = [c.name for camera in cameras for c in camera.constraints if not c.mute]
    driven = [camera.name for camera in cameras if camera.animation_data and camera.animation_data.drivers]
    layered = [camera.name for camera in cameras if camera.animation_data and camera.animation_data.nla_tracks]
    reasons = [
        *([f"constraints {', '.join(held)}"] if held else []),
        *([f"drivers on {', '.join(driven)}"] if driven else []),
        *([f"NLA strips on {', '.join(layered)}"] if layered else []),
    ]
    return CameraError(
        f"{', '.join(camera.name for camera in cameras)} would not keep the framing",
        " and ".join(reasons) or "its motion does not follow a change of scale",
        "Bake the motion (Object > Animation > Bake Action) with constraints cleared, then set the scale.",
    )


def _evaluate(scene: bpy.types.Scene) -> None:
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
