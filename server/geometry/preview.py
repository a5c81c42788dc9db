"""The preview of a shot without Blender: the photo on its depth mesh, seen along a trajectory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_mesh import DepthMesh, depth_mesh
from blender_addon.core.depth.rasterize import rasterize
from server.geometry.texture import Texture, texels_per_pixel


class PreviewRenderer:
    """Draws frames of one photo on one mesh. Alpha is visibility: 255 where the mesh is seen, else 0.

    Args:
        photo: [h, w, 3] uint8 sRGB.
        mesh: the photo's depth mesh; its uv are those of the photo.
    """

    def __init__(self, photo: UInt8, mesh: DepthMesh) -> None:
        self._texture = Texture.of(photo)
        self._vertices = mesh.vertices
        self._triangles = mesh.all_triangles()
        self._uv = mesh.uv

    def render(self, intrinsics: Float64, camera_to_world: Float64, size: tuple[int, int]) -> UInt8:
        """One frame of the preview.

        Args:
            intrinsics: [3, 3] in pixels of `size`.
            camera_to_world: [4, 4], OpenCV camera axes, metres.
            size: (width, height), pixels.

        Returns:
            [H, W, 4] uint8 sRGB, straight alpha; colour is 0 where alpha is 0.
        """
        fragments = rasterize(self._vertices, self._triangles, intrinsics, camera_to_world, size)
        seen = fragments.covered
        uv = fragments.interpolate(self._triangles, self._uv)
        frame = np.zeros((*seen.shape, 4), np.uint8)
        level = self._texture.level_for(texels_per_pixel(uv, seen, self._texture.levels[0].shape[1]))
        colour = self._texture.sample(uv[seen], level)
        frame[seen, :3] = np.round(colour).astype(np.uint8)
        frame[seen, 3] = 255
        return frame

    def frames(self, trajectory: Trajectory) -> Iterator[UInt8]:
        """The frames of a whole trajectory, one at a time, each as `render` gives it."""
        size = (trajectory.width, trajectory.height)
        for intrinsics, pose in zip(trajectory.intrinsics, trajectory.camera_to_world, strict=True):
            yield self.render(intrinsics, pose, size)


def render_preview(photo: UInt8, depth: Float32, intrinsics: Float64, trajectory: Trajectory) -> UInt8:
    """The preview of a photo with depth: what the photo shows of each frame, and where.

    Args:
        photo: [h, w, 3] uint8 sRGB.
        depth: [hd, wd] float32 metres along z, NaN where unknown; any resolution.
        intrinsics: [3, 3] of the photo, in its pixels.
        trajectory: the cameras, as seen from the photo's.

    Returns:
        [F, H, W, 4] uint8 sRGB, straight alpha, which is 255 where the photo is seen, else 0.
    """
    mesh = depth_mesh(depth, intrinsics, (photo.shape[1], photo.shape[0]))
    return np.stack(list(PreviewRenderer(photo, mesh).frames(trajectory)))
