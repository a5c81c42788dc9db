"""Which of several photos in a scene is worked on: that one is seen, the others are hidden."""

from __future__ import annotations

import bpy

from ...datablocks import holds
from ..photo_scene import CURRENT, LAYER, PhotoScene, photo_scenes
from .overlay import SHOWN

SHOT_OF = "realcam_shot_of"
"""Custom property of a camera that an import made to be animated: `imported_at` of its photo."""


def choose_photo(scene: bpy.types.Scene, photo_scene: PhotoScene) -> None:
    """Make a photo the one that is worked on: seen and rendered, while the scene's other photos are hidden.

    The scene films with the camera that this photo's import made, if it filmed with another import's. Nothing else of
    the artist's is touched.
    """
    scene[CURRENT] = photo_scene.record.imported_at
    for photo in photo_scenes(scene):
        for subject in (photo.mesh, *(child for child in photo.mesh.children if SHOWN in child or LAYER in child)):
            set_seen(scene, subject, photo.mesh == photo_scene.mesh)
    if scene.camera is None or SHOT_OF not in scene.camera or _is_shot_of(scene.camera, photo_scene):
        return
    scene.camera = next((o for o in scene.objects if _is_shot_of(o, photo_scene)), scene.camera)


def hide(scene: bpy.types.Scene, subject: bpy.types.Object) -> None:
    """Hide an object from every view (as H does; Alt+H brings it back) and from the render."""
    subject.hide_render = True
    for layer in scene.view_layers:
        if holds(layer.objects, subject):
            subject.hide_set(True, view_layer=layer)


def set_seen(scene: bpy.types.Scene, subject: bpy.types.Object, seen: bool) -> None:
    """Show an object in every view and the render, or hide it there."""
    if not seen:
        hide(scene, subject)
        return
    # The overlay of the cleaning and the background behind the photo are never rendered.
    subject.hide_render = SHOWN in subject or LAYER in subject
    for layer in scene.view_layers:
        if holds(layer.objects, subject):
            subject.hide_set(False, view_layer=layer)


def _is_shot_of(camera: bpy.types.Object, photo_scene: PhotoScene) -> bool:
    return bool(camera.type == "CAMERA" and camera.get(SHOT_OF) == photo_scene.record.imported_at)
