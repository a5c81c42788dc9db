"""Scenes whose depth is known exactly, cut to the shape of a clip, with what another camera saw of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.lens import focal_pixels
from blender_addon.core.camera.projection import intrinsics_from_fov, intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import PhotoError
from server.bench.fill_truth.scenes import DEMO, DEMO_BESIDE, DEMO_CAMERA, DEMO_FOCAL_35MM, second_pose
from server.demo.motorcycle import BASELINE, CX, CY, DISPARITY_OFFSET, FOCAL, motorcycle
from server.evaluation.synthetic_room import film_room

Size = tuple[int, int]
"""(width, height), pixels."""
DEMO_ROOM, MOTORCYCLE, RAY_CAST_ROOM = "living-room", "motorcycle", "ray-cast-room"
ROOM_FOV = np.radians(65)
"""Across the photo of the ray-cast room."""


@dataclass(frozen=True, eq=False)
class SecondView:
    """What a second camera saw of a scene.

    Attributes:
        picture: [h, w, 3] uint8.
        intrinsics: [3, 3] in its pixels.
        camera_to_world: [4, 4] from the photo's camera, metres.
    """

    picture: UInt8
    intrinsics: Float64
    camera_to_world: Float64


@dataclass(frozen=True, eq=False)
class KnownScene:
    """A photo with its depth, of the shape of the clip that is made of it.

    Attributes:
        name: of the scene.
        prompt: what the photo shows.
        photo: [h, w, 3] uint8 sRGB.
        depth: [hd, wd] float32 metres along z, NaN where unknown.
        intrinsics: [3, 3] of the photo.
        second: what a second camera saw; None where there was none.
        film: the true pictures [F, H, W, 3] along any trajectory, for a scene that can be rendered; else None.
    """

    name: str
    prompt: str
    photo: UInt8
    depth: Float32
    intrinsics: Float64
    second: SecondView | None = None
    film: Callable[[Trajectory], UInt8] | None = None


def known_scene(name: str, size: Size) -> KnownScene:
    """The scene of that name for clips of a size.

    Args:
        name: a key of SCENES.
        size: of the clips.

    Raises:
        PhotoError: it is the motorcycle's, and scikit-image is not installed, which has it.
    """
    return SCENES[name](size)


def _demo(size: Size) -> KnownScene:
    photo = np.asarray(Image.open(DEMO / "living_room.jpg").convert("RGB"))
    depth = np.asarray(Image.open(DEMO / "living_room_depth.png")).astype(np.float32) / 1000
    beside = np.asarray(Image.open(DEMO_BESIDE).convert("RGB"))
    photo, depth, intrinsics = _cut(photo, depth, _demo_lens(photo), size)
    return KnownScene(
        DEMO_ROOM,
        "a living room with a green sofa, an orange armchair, a bookshelf, plants and a patterned rug, daylight",
        photo,
        depth,
        intrinsics,
        second=SecondView(beside, _demo_lens(beside), second_pose(DEMO_CAMERA)),
    )


def _motorcycle(size: Size) -> KnownScene:
    if find_spec("skimage") is None:
        raise PhotoError(
            "The motorcycle's photo is not here", "scikit-image is not installed", "Run `uv pip install scikit-image`."
        )
    from skimage.data import stereo_motorcycle

    bike = motorcycle()
    pose = np.eye(4)
    pose[0, 3] = BASELINE
    right = np.ascontiguousarray(stereo_motorcycle()[1][..., :3])
    second = SecondView(right, intrinsics_matrix(FOCAL, FOCAL, CX + DISPARITY_OFFSET, CY), pose)
    photo, depth, intrinsics = _cut(bike.photo, bike.depth, bike.intrinsics, size)
    words = "a motorcycle in a workshop, tools and shelves behind it, sharp photograph"
    return KnownScene(MOTORCYCLE, words, photo, depth, intrinsics, second=second)


def _ray_cast_room(size: Size) -> KnownScene:
    intrinsics = intrinsics_from_fov(*size, float(ROOM_FOV))
    frames, depth = film_room(Trajectory(np.eye(4)[None], intrinsics, *size))
    words = "boxes in a bare room, all of mottled coloured stone, even light"
    return KnownScene(RAY_CAST_ROOM, words, frames[0], depth[0], intrinsics, film=lambda camera: film_room(camera)[0])


SCENES: dict[str, Callable[[Size], KnownScene]] = {
    DEMO_ROOM: _demo,
    RAY_CAST_ROOM: _ray_cast_room,
    MOTORCYCLE: _motorcycle,
}
"""All scenes by name."""


def _demo_lens(picture: UInt8) -> Float64:
    height, width = picture.shape[:2]
    focal = focal_pixels(DEMO_FOCAL_35MM, width, height)
    return intrinsics_matrix(focal, focal, width / 2, height / 2)


def _cut(photo: UInt8, depth: Float32, intrinsics: Float64, size: Size) -> tuple[UInt8, Float32, Float64]:
    """The middle of a photo in the shape of a clip, its depth and its lens.

    Args:
        photo: [h, w, 3], a whole number of times as large as its depth.
        depth: [hd, wd].
        intrinsics: [3, 3] of the photo.
        size: of the clip.
    """
    rows, columns = depth.shape
    times = photo.shape[1] // columns
    width = min(columns, round(rows * size[0] / size[1]))
    height = min(rows, round(columns * size[1] / size[0]))
    left, top = (columns - width) // 2, (rows - height) // 2
    moved = intrinsics - np.array([[0, 0, left * times], [0, 0, top * times], [0, 0, 0]])
    cut = photo[top * times : (top + height) * times, left * times : (left + width) * times]
    return np.ascontiguousarray(cut), np.ascontiguousarray(depth[top : top + height, left : left + width]), moved
