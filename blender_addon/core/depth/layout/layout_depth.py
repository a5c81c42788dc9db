"""A layout's depth: each pixel's viewing ray meets the ground, the walls and the cut-outs; the nearest is seen.

In the camera's frame (OpenCV axes, metres). `down` is the unit vector towards the floor, the floor is down . X =
camera height, and an upright plane is normal . X = offset with normal perpendicular to down. A ray is X = z r with
r = K^-1 (u, v, 1), so z is the depth, and every product of a vector with r is linear in the pixel.
"""

from __future__ import annotations

import numpy as np

from ...arrays import Float32, Float64, UInt8
from ...camera.projection import scaled_intrinsics
from ...errors import PhotoError
from .ground_plane import down_vector, point_on_floor, ray
from .layout import CutOut, DepthLayout, Ground, Point, Wall
from .layout_checks import check_layout
from .mixing import mixed_depth
from .region import cut_out_pixels, foot_of
from .surfaces import CEILING, CUT_OUT, FLOOR, NOTHING, WALL, LayoutSurfaces

BORDER = 0.01
"""A wall's end this near to the photo's border, in fractions, stands for one outside the photo."""
LONGEST = 100.0
"""A cut-out's farthest depth to its nearest, at most: beyond it the plane is seen along itself."""
_ROUNDING = 1e-9


def layout_depth(
    layout: DepthLayout,
    size: tuple[int, int],
    intrinsics: Float64,
    photo_size: tuple[int, int],
    base: Float32 | None = None,
) -> Float32:
    """The depth of a photo that was laid out by hand.

    Args:
        layout: ground, walls and cut-outs.
        size: (width, height) of the depth map; it covers the whole photo.
        intrinsics: [3, 3] in pixels of the photo.
        photo_size: (width, height) of the photo, pixels.
        base: [h', w'] metres along z, another depth of the photo at any size, NaN where unknown, which is mixed in as
            the layout says; None for none.

    Returns:
        [height, width] float32 metres along z, NaN where nothing is known.

    Raises:
        PhotoError: the layout is none of this photo; see layout_checks.py.
    """
    return mixed_depth(layout, layout_surfaces(layout, size, intrinsics, photo_size), base)


def layout_surfaces(
    layout: DepthLayout, size: tuple[int, int], intrinsics: Float64, photo_size: tuple[int, int]
) -> LayoutSurfaces:
    """What each pixel of a layout shows, before `farthest` and another depth; arguments as of layout_depth.

    Raises:
        PhotoError: the layout is none of this photo; see layout_checks.py.
    """
    check_layout(layout, intrinsics, photo_size)
    scene = _Scene(_Rays(size, scaled_intrinsics(intrinsics, photo_size, size)), layout.ground)
    if layout.ground is not None:
        scene.add_floor(layout.ground)
        for wall in layout.walls:
            scene.add_wall(wall)
    scene.add_cut_outs(layout.cut_outs)
    return LayoutSurfaces(scene.depth, scene.surface)


class _Rays:
    """The viewing rays of a grid of pixels.

    Args:
        size: (width, height) of the grid.
        intrinsics: [3, 3] in its pixels.
    """

    def __init__(self, size: tuple[int, int], intrinsics: Float64) -> None:
        self.size = size
        self.intrinsics = intrinsics
        self._inverse = np.linalg.inv(intrinsics)
        self._x = np.arange(size[0]) + 0.5
        self._y = np.arange(size[1])[:, None] + 0.5

    def times(self, vector: Float64) -> Float64:
        """[h, w], the product of a vector with each pixel's ray."""
        per_x, per_y, constant = vector @ self._inverse
        return np.asarray(per_x * self._x + (per_y * self._y + constant))

    def depth_of_plane(self, normal: Float64, offset: float) -> Float64:
        """[h, w] metres along z at which the rays meet normal . X = offset; infinite where not in front."""
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = offset / self.times(normal)
        depth[~(depth > 0)] = np.inf
        return depth

    def pixel(self, point: Point) -> Point:
        """A point of the photo in pixels of the grid."""
        return point[0] * self.size[0], point[1] * self.size[1]


class _Scene:
    """Surfaces as they are added: of each pixel the nearest."""

    def __init__(self, rays: _Rays, ground: Ground | None) -> None:
        self._rays = rays
        shape = (rays.size[1], rays.size[0])
        self.depth: Float64 = np.full(shape, np.inf)
        self.surface: UInt8 = np.full(shape, NOTHING, np.uint8)
        self._height = None if ground is None else ground.camera_height
        self._down = down_vector(None if ground is None else ground.horizon, rays.intrinsics, rays.size)

    def _add(self, depth: Float64, surface: int) -> None:
        nearer = depth < self.depth
        np.copyto(self.depth, depth, where=nearer)
        self.surface[nearer] = surface

    def add_floor(self, ground: Ground) -> None:
        """The floor below the horizon, and the ceiling above it where there is one."""
        self._add(self._rays.depth_of_plane(self._down, ground.camera_height), FLOOR)
        if ground.ceiling is not None:
            self._add(self._rays.depth_of_plane(self._down, ground.camera_height - ground.ceiling), CEILING)

    def add_wall(self, wall: Wall) -> None:
        """The upright planes over a polyline on the floor."""
        assert self._height is not None
        points = [
            point_on_floor(self._rays.pixel(p), self._down, self._height, self._rays.intrinsics) for p in wall.points
        ]
        on_border = [_on_border(point) for point in wall.points]
        for i in range(len(points) - 1):
            open_start, open_end = i == 0 and on_border[0], i == len(points) - 2 and on_border[-1]
            self._add_segment(points[i], points[i + 1], wall.height, open_start, open_end)

    def _add_segment(
        self, start: Float64, end: Float64, height: float | None, open_start: bool, open_end: bool
    ) -> None:
        along = end - start
        length = float(np.linalg.norm(along))
        if length <= _ROUNDING * float(np.linalg.norm(start)):
            return
        along = along / length
        normal = np.cross(self._down, along)
        depth = self._rays.depth_of_plane(normal, float(normal @ start))
        assert self._height is not None
        with np.errstate(invalid="ignore"):
            place = depth * self._rays.times(along) - along @ start
            above = self._height - depth * self._rays.times(self._down)
            stands = above >= -_ROUNDING * self._height
            if height is not None:
                stands &= above <= height
            if not open_start:
                stands &= place >= -_ROUNDING * length
            if not open_end:
                stands &= place <= length * (1 + _ROUNDING)
        self._add(np.where(stands, depth, np.inf), WALL)

    def add_cut_outs(self, cut_outs: tuple[CutOut, ...]) -> None:
        """Each cut-out's plane in its region, whatever was there; where two overlap, the nearest."""
        depth = np.full_like(self.depth, np.inf)
        for number, cut_out in enumerate(cut_outs, 1):
            normal, offset = self._cut_out_plane(cut_out)
            plane = self._rays.depth_of_plane(normal, offset)
            inside = cut_out_pixels(cut_out, self._rays.size)
            _check_seen(plane[inside], cut_out, f"Cut-out {number}")
            np.copyto(depth, np.minimum(plane, depth), where=inside)
        cut = np.isfinite(depth)
        self.depth[cut] = depth[cut]
        self.surface[cut] = CUT_OUT

    def _cut_out_plane(self, cut_out: CutOut) -> tuple[Float64, float]:
        """(unit normal, offset) of its plane."""
        pixel = self._rays.pixel(foot_of(cut_out))
        if cut_out.distance is not None:
            foot = ray(pixel, self._rays.intrinsics) * cut_out.distance
        else:
            assert self._height is not None
            foot = point_on_floor(pixel, self._down, self._height - cut_out.height, self._rays.intrinsics)
        if cut_out.lying:
            return self._down, float(self._down @ foot)
        away = foot - (foot @ self._down) * self._down
        away = away / np.linalg.norm(away)
        angle = np.radians(cut_out.turn)
        # About the axis upwards: up x away = away x down.
        normal = np.cos(angle) * away + np.sin(angle) * np.cross(away, self._down)
        return normal, float(normal @ foot)


def _check_seen(depth: Float64, cut_out: CutOut, number: str) -> None:
    if depth.size and not depth.max() <= LONGEST * depth.min():
        raise PhotoError(
            f"{cut_out.name or number} is seen from its edge",
            f"a part of it is more than {LONGEST:g} times as far as another, or is not met",
            "Keep what lies on one side of the eye's height." if cut_out.lying else "Turn it less.",
        )


def _on_border(point: Point) -> bool:
    return min(point[0], 1 - point[0], 1 - point[1]) <= BORDER
