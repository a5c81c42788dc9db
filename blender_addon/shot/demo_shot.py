"""The demo shot: the add-on's own photo as a scene with a camera that moves, ready to be generated."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..colour_spaces import show_as_it_is
from ..core.errors import RealCamError
from ..core.payloads.import_request import DepthFile, ImportRequest
from ..scene import PhotoScene, import_photo
from ..scene.importing.first_look import camera_to_animate
from .bake_move import bake_move

FOLDER = Path(__file__).parents[1] / "demo_photo"
PHOTO = FOLDER / "living_room.jpg"
DEPTH = FOLDER / "living_room_depth.png"
NAME = "Living Room"
"""The scene's name, and the shot's."""
CLIP_SIZE, CLIP_FRAMES, FPS = (768, 432), 48, 24
"""What the shot is made for: a clip of two seconds in the photo's shape."""
MOVE, VALUES = "push_in", {"distance": 0.5, "angle": 3.0, "pivot": 3.7}
"""Towards the table in the middle and around it to the right: metres, degrees, metres."""
IS_DEMO = "realcam_demo"
"""Custom property of the demo's scene."""


def demo_scene() -> bpy.types.Scene:
    """A new scene with the demo photo, its render and its frame range set to the clip, its camera keyed.

    The photo is packed into the file: the add-on's folder may be gone when the .blend is opened again. No other scene
    is touched.

    Raises:
        RealCamError: The add-on's files are damaged. Nothing is left behind then.
    """
    scene = bpy.data.scenes.new(NAME)
    try:
        photo = import_photo(scene, ImportRequest(PHOTO, DepthFile(DEPTH)))
    except RealCamError:
        bpy.data.scenes.remove(scene)
        raise
    photo.image.pack()
    scene[IS_DEMO] = True
    scene.render.resolution_x, scene.render.resolution_y = photo.photo_size
    scene.render.fps, scene.render.fps_base = FPS, 1.0
    scene.frame_start, scene.frame_end = 1, CLIP_FRAMES
    # The clip has the photo's colours; so has the view of it.
    show_as_it_is(scene)
    _animate(scene, photo)
    return scene


def _animate(scene: bpy.types.Scene, photo: PhotoScene) -> None:
    scene.frame_set(scene.frame_start)
    scene.camera = camera_to_animate(scene, photo)
    bake_move(scene, scene.camera, MOVE, VALUES, scene.frame_start, scene.frame_end)
