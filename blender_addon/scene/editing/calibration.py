"""Scale calibration: two points of the scene and their true distance give the photo's scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
import numpy as np
from mathutils import Vector

from ...blender_versions import annotation_of
from ...core.errors import PhotoError
from ..photo_scene import PhotoScene, store_record
from .rescale import rescale

SMALLEST, LARGEST = 1e-4, 1e4
"""Bounds of a photo's scale; a number beyond them was mistyped."""


@dataclass(frozen=True)
class Measure:
    """Two points of the scene, in world coordinates and Blender units."""

    start: Vector
    end: Vector

    def metres(self, photo_scene: PhotoScene) -> float:
        """The distance of the two points in the photo's metres.

        An artist who scaled the mesh object changed how large a metre is drawn, not the photo's scale.
        """
        drawn = photo_scene.world.median_scale
        return float((self.end - self.start).length / drawn) if drawn > 0 else 0.0


def set_true_distance(scene: bpy.types.Scene, photo_scene: PhotoScene, measure: Measure, metres: float) -> PhotoScene:
    """Rescale the photo's scene and every shot in it so that two points are a given distance apart.

    Args:
        scene: The scene.
        photo_scene: The photo.
        measure: The two points.
        metres: Their true distance.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: Either distance is not positive; and as set_scale does.
        CameraError: As set_scale does.
    """
    measured = measure.metres(photo_scene)
    if not measured > 0:
        raise PhotoError("The two points are the same", "their distance is 0 m", "Choose two points further apart.")
    if not np.isfinite(metres) or metres <= 0:
        raise PhotoError("The true distance is not a positive number", f"{metres:g} m")
    return set_scale(scene, photo_scene, photo_scene.record.scale * metres / measured)


def set_scale(scene: bpy.types.Scene, photo_scene: PhotoScene, scale: float) -> PhotoScene:
    """Make one metre of the imported depth `scale` true metres, cameras and keyframes included.

    Args:
        scene: The scene.
        photo_scene: The photo.
        scale: True metres for each metre of the imported depth, SMALLEST to LARGEST; 1 is as imported.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: The scale is out of range, or the mesh is in Edit Mode or linked. Nothing has changed then.
        CameraError: A camera would lose its framing. Nothing has changed then.
    """
    if not np.isfinite(scale) or not SMALLEST <= scale <= LARGEST:
        raise PhotoError(
            "The scale cannot be meant",
            f"everything would be {scale:.3g} times as large as imported",
            "Check the two points and the unit of the distance.",
        )
    factor = scale / photo_scene.record.scale
    rescale(scene, photo_scene, factor)
    record = replace(photo_scene.record, scale=float(scale))
    store_record(photo_scene.mesh, record)
    return replace(photo_scene, record=record)


def selected_measure(context: bpy.types.Context) -> Measure:
    """The measure between the two selected vertices of the mesh in Edit Mode, else between the two selected objects.

    Raises:
        PhotoError: Something else than two is selected.
    """
    edited = context.edit_object
    if edited is not None and edited.type == "MESH":
        edited.update_from_editmode()
        chosen = np.empty(len(edited.data.vertices), dtype=np.bool_)
        edited.data.vertices.foreach_get("select", chosen)
        points = [edited.matrix_world @ edited.data.vertices[int(i)].co for i in np.flatnonzero(chosen)[:3]]
        count, what = int(chosen.sum()), "vertices"
    else:
        points = [selected.matrix_world.translation for selected in context.selected_objects[:3]]
        count, what = len(context.selected_objects), "objects"
    if count != 2:
        raise PhotoError(
            "A distance needs two points",
            f"{count} {what} are selected",
            "Select two vertices of the photo's mesh, or two empties set on it.",
        )
    return Measure(points[0].copy(), points[1].copy())


def ruler_measure(scene: bpy.types.Scene) -> Measure:
    """The measure between the ends of the ruler drawn last with Blender's Measure tool.

    Blender writes rulers into the scene's annotation when another tool is chosen or the file is saved.

    Raises:
        PhotoError: There is no ruler.
    """
    annotation = annotation_of(scene)
    strokes = [
        stroke
        for layer in (annotation.layers if annotation is not None else ())
        if layer.is_ruler
        for frame in layer.frames
        for stroke in frame.strokes
        if len(stroke.points) >= 2
    ]
    if not strokes:
        raise PhotoError(
            "There is no ruler in this scene",
            "Blender keeps a ruler once another tool is chosen",
            "Measure with the Measure tool, choose the Select tool, then try again.",
        )
    points = strokes[-1].points
    return Measure(Vector(points[0].co), Vector(points[len(points) - 1].co))


def point_under_ray(
    context: bpy.types.Context, photo_scene: PhotoScene, origin: Vector, direction: Vector
) -> Vector | None:
    """The world point at which a ray first meets the photo's mesh; None when it does not.

    Args:
        context: For its dependency graph.
        photo_scene: The photo.
        origin: The ray's start in world coordinates.
        direction: Its direction in world coordinates.
    """
    mesh = photo_scene.mesh.evaluated_get(context.evaluated_depsgraph_get())
    into = mesh.matrix_world.inverted_safe()
    hit, place, _, _ = mesh.ray_cast(into @ origin, (into.to_3x3() @ direction).normalized())
    return mesh.matrix_world @ place if hit else None
