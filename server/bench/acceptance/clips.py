"""The clips of an acceptance run: which scene, along which move, and the true pictures where these are known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.bench.fill_truth.scenes import photo_shot
from server.terminal.named_move import FPS, NamedMove, moved_camera

from .scenes import DEMO_ROOM, MOTORCYCLE, RAY_CAST_ROOM, KnownScene, SecondView, Size

BESIDE = "beside"
"""The move from the photo's camera straight to the second one of the scene."""
COMPARED = 9
"""Frames of a clip that are compared with the truth, spread evenly, where every frame's is known."""


@dataclass(frozen=True)
class PlannedClip:
    """A clip to be made.

    Attributes:
        scene: a key of SCENES.
        move: a key of MOVES, with the parameters that fit the scene; or BESIDE.
    """

    scene: str
    move: str

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.scene}-{self.move.replace('_', '-')}"


CLIPS = tuple(
    PlannedClip(scene, move)
    for scene, move in (
        (DEMO_ROOM, "orbit"),
        (RAY_CAST_ROOM, "dolly"),
        (DEMO_ROOM, BESIDE),
        (MOTORCYCLE, "orbit"),
        (RAY_CAST_ROOM, "push_in"),
        (DEMO_ROOM, "dolly"),
        (DEMO_ROOM, "pan"),
        (MOTORCYCLE, BESIDE),
        (RAY_CAST_ROOM, "orbit"),
        (DEMO_ROOM, "push_in"),
        (MOTORCYCLE, "dolly"),
        (RAY_CAST_ROOM, "pan"),
    )
)
"""In the order in which they are made: those that tell most come first, for a run may end before the last."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What a clip should show.

    Attributes:
        frames: numbers of the clip's frames.
        pictures: [N, H, W, 3] uint8, of those frames.
        counted: [N, H, W] where they are known.
    """

    frames: tuple[int, ...]
    pictures: UInt8
    counted: Bool


def clip_shot(scene: KnownScene, move: str, size: Size, frames: int, settings: ShotSettings) -> Shot:
    """The shot of a clip: the scene's preview along the move.

    Args:
        scene: of that size's shape.
        move: see PlannedClip.
        size: of the clip.
        frames: of the clip.
        settings: of the job.

    Raises:
        CameraError: the move cannot be made in the scene.
    """
    height, width = scene.photo.shape[:2]
    if move == BESIDE and scene.second is not None:
        poses = np.stack([np.eye(4), scene.second.camera_to_world])
        camera = Trajectory(poses, scene.intrinsics, width, height, fps=FPS).resample(frames)
    else:
        camera, _ = moved_camera(NamedMove(move, {}), scene.depth, scene.intrinsics, (width, height), frames, None)
    shot = photo_shot(scene.photo, scene.depth, scene.intrinsics, camera.resized(*size))
    return replace(shot, settings=settings)


def clip_truth(scene: KnownScene, camera: Trajectory) -> Truth | None:
    """What the scene's clip along a camera should show; None where that is not known.

    Args:
        scene: of the clip.
        camera: of the clip, in its pixels.
    """
    if scene.film is not None:
        chosen = np.unique(np.linspace(0, len(camera) - 1, COMPARED).round().astype(int))
        cut = replace(camera, camera_to_world=camera.camera_to_world[chosen], intrinsics=camera.intrinsics[chosen])
        pictures = scene.film(cut)
        return Truth(tuple(chosen.tolist()), pictures, np.ones(pictures.shape[:3], np.bool_))
    if scene.second is not None and np.allclose(camera.camera_to_world[-1], scene.second.camera_to_world):
        picture, known = _seen_through(scene.second, camera)
        return Truth((len(camera) - 1,), picture[None], known[None])
    return None


def _seen_through(second: SecondView, camera: Trajectory) -> tuple[UInt8, Bool]:
    """The second camera's picture through the lens of a clip's last frame, and where there is one.

    Args:
        second: whose camera stands where the last frame's does.
        camera: of the clip.
    """
    size = (camera.width, camera.height)
    # From pixels of the clip to the picture's, both counted from the corner of the first one, as Pillow does.
    lens = second.intrinsics @ np.linalg.inv(camera.intrinsics[-1])
    left, top = (float(value) for value in lens[:2] @ (0, 0, 1))
    right, bottom = (float(value) for value in lens[:2] @ (*size, 1))
    height, width = second.picture.shape[:2]
    border = math.ceil(max(0.0, -left, -top, right - width, bottom - height))
    picture = Image.fromarray(np.pad(second.picture, ((border, border), (border, border), (0, 0)), mode="edge"))
    known = Image.fromarray(np.pad(np.full((height, width), 255, np.uint8), border))
    # Unlike a transform, a resize takes all pixels that fall into one.
    box = (left + border, top + border, right + border, bottom + border)
    seen = picture.resize(size, Image.Resampling.LANCZOS, box)
    return np.asarray(seen), np.asarray(known.resize(size, Image.Resampling.BOX, box)) == 255
