"""Microsoft's 7-Scenes red kitchen: frames of a Kinect with known poses, each seen from where the next one was taken.

The dataset's depth and colour come from two cameras beside each other whose relation it does not tell. The numbers here
are those that make colours of neighbouring frames agree best after the warp (median difference 8.8 of 255 instead of
10.2). Where poses and pictures do not fit each other even so (blur, exposure), a pair of frames is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory, inverse, orthonormalised
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.depth.rasterize import rasterize
from server.bench.fill_truth.measures import likeness
from server.bench.fill_truth.scenes import TruthScene, framed_scene

FOLDER = "sequences/sevenscenes_redkitchen"
"""In the folder of data."""
SIZE = (640, 480)
DEPTH_FOCAL, COLOUR_FOCAL = 585.0, 535.0
"""Pixels."""
FITS = 22.0
"""PSNR, dB, between the pixels that are seen in both frames from which a pair is measured."""
COLOUR_CAMERA = (0.025, 0.0, 0.0)
"""Position of the colour camera in the depth camera's frame, metres."""


def kitchen_scenes(data: Path) -> Iterator[TruthScene]:
    """Each frame seen from the next, where the two fit each other.

    Args:
        data: the folder of data.
    """
    names = sorted(path.name.removesuffix(".color.jpg") for path in (data / FOLDER).glob("*.color.jpg"))
    intrinsics = intrinsics_matrix(COLOUR_FOCAL, COLOUR_FOCAL, SIZE[0] / 2, SIZE[1] / 2)
    for (photo, depth, pose), (truth, _, next_pose) in pairwise(_frame(data / FOLDER, name) for name in names):
        poses = np.stack([np.eye(4), inverse(pose) @ next_pose])
        scene = framed_scene("kitchen", photo, depth, intrinsics, Trajectory(poses, intrinsics, *SIZE), truth)
        if likeness(scene.shot.preview[-1, ..., :3], truth, ~scene.hole).psnr >= FITS:
            yield scene


def _frame(folder: Path, name: str) -> tuple[UInt8, Float32, Float64]:
    """The photo, its depth [H, W] metres, NaN where unknown, and the pose of the colour camera."""
    photo = np.asarray(Image.open(folder / f"{name}.color.jpg").convert("RGB"))
    millimetres = np.asarray(Image.open(folder / f"{name}.depth.png")).astype(np.float32)
    depth = np.where((millimetres > 0) & (millimetres < 65535), millimetres / 1000, np.nan).astype(np.float32)
    # The files' rotations are such to four digits only.
    (pose,) = orthonormalised(np.loadtxt(folder / f"{name}.pose.txt")[None])
    beside = np.eye(4)
    beside[:3, 3] = COLOUR_CAMERA
    mesh = depth_mesh(depth, intrinsics_matrix(DEPTH_FOCAL, DEPTH_FOCAL, SIZE[0] / 2, SIZE[1] / 2), SIZE)
    colour = intrinsics_matrix(COLOUR_FOCAL, COLOUR_FOCAL, SIZE[0] / 2, SIZE[1] / 2)
    seen = rasterize(mesh.vertices, mesh.all_triangles(), colour, beside, SIZE)
    return photo, np.where(seen.covered, seen.depth, np.nan).astype(np.float32), pose @ beside
