"""Scenes of which a second camera's picture is known: what comes into sight from there is the truth of a fill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Bool, Float32, Float64, UInt8
from blender_addon.core.camera.lens import focal_pixels
from blender_addon.core.camera.projection import intrinsics_from_fov, intrinsics_matrix
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_mesh import DEPTH_EDGE, depth_mesh, same_surface
from blender_addon.core.depth.rasterize import rasterize
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.demo.motorcycle import BASELINE, CX, DISPARITY_OFFSET, motorcycle
from server.engines.draft.edges import NEIGHBOURS
from server.evaluation.synthetic_room import film_room
from server.geometry.distance import within
from server.geometry.preview import PreviewRenderer

RIGHT_EDGE = 60
"""Columns at the right edge of the motorcycle's second view that are not counted: the photo tells nothing of them."""
VISIBLE = 128
"""Alpha from which a pixel of the preview is seen."""
BESIDE = 3
"""Pixels on either side of an outline that are compared as beside it."""
DEMO = Path(__file__).parents[3] / "blender_addon" / "demo_photo"
"""The demo photo and its depth."""
DEMO_BESIDE = Path(__file__).parent / "living_room_beside.jpg"
"""The same room from the second camera; scripts/demo_photo/make.py --beside makes it."""
DEMO_CAMERA = (0.45, -0.05, 0.1, -7.0)
"""That camera, from the photo's: metres right, down and forward, then degrees turned to the right."""
DEMO_FOCAL_35MM = 26.0
"""The demo photo's focal length, as its EXIF tells it."""


@dataclass(frozen=True, eq=False)
class TruthScene:
    """A shot whose last frame is seen from where there is a true picture.

    Attributes:
        name: of the scene.
        shot: from the photo's camera to the second one.
        truth: [H, W, 3] uint8, what the second camera saw.
        counted: [H, W] bool, the pixels of the last frame that may be compared.
    """

    name: str
    shot: Shot
    truth: UInt8
    counted: Bool

    @property
    def hole(self) -> Bool:
        """[H, W] where the last frame's preview shows nothing."""
        return self.shot.preview[-1, ..., 3] < VISIBLE

    @property
    def newly_seen(self) -> Bool:
        """[H, W] the part of the hole that is compared."""
        return self.hole & self.counted

    @property
    def beside_outlines(self) -> Bool:
        """[H, W] the compared pixels beside an outline, where the preview ends in the last frame or its depth jumps."""
        t, shot = self.shot.trajectory, self.shot
        mesh = depth_mesh(shot.depth, shot.photo_intrinsics, shot.photo_size, shot.depth_edge)
        size = (t.width, t.height)
        seen = rasterize(mesh.vertices, mesh.all_triangles(), t.intrinsics[-1], t.camera_to_world[-1], size)
        outlines = np.zeros(self.hole.shape, np.bool_)
        for one, other in NEIGHBOURS:
            jump = seen.covered[one] | seen.covered[other]
            jump &= ~same_surface(np.stack([seen.depth[one], seen.depth[other]]), shot.depth_edge)
            outlines[one] |= jump
            outlines[other] |= jump
        return within(outlines, BESIDE - 1) & self.counted


def motorcycle_scene() -> TruthScene:
    """Middlebury 2014's motorcycle: the left photo with its depth, the right one as truth. Needs scikit-image."""
    from skimage.data import stereo_motorcycle

    bike = motorcycle()
    truth = np.ascontiguousarray(stereo_motorcycle()[1][..., :3])
    height, width = truth.shape[:2]
    poses = np.repeat(np.eye(4)[None], 3, axis=0)
    poses[:, 0, 3] = [0, BASELINE / 2, BASELINE]
    intrinsics = np.repeat(bike.intrinsics[None], 3, axis=0)
    intrinsics[1:, 0, 2] = [CX + DISPARITY_OFFSET / 2, CX + DISPARITY_OFFSET]
    counted = np.ones((height, width), np.bool_)
    counted[:, -RIGHT_EDGE:] = False
    trajectory = Trajectory(poses, intrinsics, width, height, fps=8.0)
    return TruthScene("motorcycle", photo_shot(bike.photo, bike.depth, bike.intrinsics, trajectory), truth, counted)


def room_scene() -> TruthScene:
    """The ray-cast room of textured boxes, from a camera that stepped aside."""
    intrinsics = intrinsics_from_fov(512, 320, np.radians(65))
    trajectory = Trajectory(_step((0.5, 0.0, 0.1, -6.0)), intrinsics, 512, 320)
    frames, depth = film_room(trajectory)
    return framed_scene("ray-cast room", frames[0], depth[0], intrinsics, trajectory, frames[-1])


def demo_scene() -> TruthScene:
    """The demo photo's living room, path traced from a second camera too."""
    truth = np.asarray(Image.open(DEMO_BESIDE).convert("RGB"))
    height, width = truth.shape[:2]
    photo = Image.open(DEMO / "living_room.jpg").convert("RGB").resize((width, height), Image.Resampling.BOX)
    depth = np.asarray(Image.open(DEMO / "living_room_depth.png")).astype(np.float32) / 1000
    focal = focal_pixels(DEMO_FOCAL_35MM, width, height)
    intrinsics = intrinsics_matrix(focal, focal, width / 2, height / 2)
    trajectory = Trajectory(_step(DEMO_CAMERA), intrinsics, width, height)
    return framed_scene("demo photo", np.asarray(photo), depth, intrinsics, trajectory, truth)


SCENES = (motorcycle_scene, demo_scene, room_scene)
"""What can be measured without other people's data."""


def _step(to: tuple[float, float, float, float]) -> Float64:
    """[2, 4, 4] the photo's camera, and one that is moved and turned, see `second_pose`."""
    return np.stack([np.eye(4), second_pose(to)])


def second_pose(to: tuple[float, float, float, float]) -> Float64:
    """[4, 4] a camera that is moved and turned from the photo's: metres right, down, forward; degrees right."""
    pose = np.eye(4)
    pose[:3, :3] = rotation_exp(np.radians(to[3]) * np.array([[0.0, 1.0, 0.0]]))[0]
    pose[:3, 3] = to[:3]
    return pose


def framed_scene(
    name: str, photo: UInt8, depth: Float32, intrinsics: Float64, trajectory: Trajectory, truth: UInt8
) -> TruthScene:
    """A scene of a photo, of which the pixels count that lie within the photo's view.

    Args:
        name: of the scene.
        photo: [h, w, 3] uint8.
        depth: [h, w] float32 metres, NaN where unknown.
        intrinsics: [3, 3] of the photo.
        trajectory: from the photo's camera to the second one.
        truth: [H, W, 3] uint8, what the second camera saw.
    """
    shot = photo_shot(photo, depth, intrinsics, trajectory)
    return TruthScene(name, shot, truth, _inside(shot.preview[-1, ..., 3] >= VISIBLE))


def _inside(seen: Bool) -> Bool:
    """[H, W] the pixels that lie between seen ones both in their row and in their column.

    What lies beside the photo is anybody's guess, and would outweigh what comes into sight behind a foreground.
    """
    result = np.ones_like(seen)
    for axis in (0, 1):
        before = np.logical_or.accumulate(seen, axis=axis)
        after = np.flip(np.logical_or.accumulate(np.flip(seen, axis), axis=axis), axis)
        result &= before & after
    return result


def photo_shot(photo: UInt8, depth: Float32, intrinsics: Float64, trajectory: Trajectory) -> Shot:
    """The shot of a photo along a trajectory, with its preview.

    Args:
        photo: [h, w, 3] uint8.
        depth: [hd, wd] float32 metres, NaN where unknown.
        intrinsics: [3, 3] of the photo.
        trajectory: the camera.
    """
    size = (photo.shape[1], photo.shape[0])
    renderer = PreviewRenderer(photo, depth_mesh(depth, intrinsics, size, DEPTH_EDGE))
    preview = np.stack(list(renderer.frames(trajectory)))
    return Shot(trajectory, preview, photo, intrinsics, depth, ShotSettings(engine="draft"))
