"""Whether a layout can be one of this photo; each refusal says which part, with numbers, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...arrays import Float64
from ...errors import PhotoError
from ..depth_numbers import FARTHEST_DEPTH
from .ground_plane import down_vector, ray, vertical_error
from .layout import CutOut, DepthLayout, Ground, Point, Wall
from .region import cut_out_share, foot_of

LOWEST, HIGHEST = 0.01, 10_000.0
"""Metres above the floor from which and up to which a camera is believed: a model's, an airliner's."""
SMALLEST_SHARE = 1e-5
"""Share of the photo below which a region is no cut-out but a slip of the hand."""
LARGEST_SHARE = 0.999
"""Share of the photo from which a cut-out is the photo itself."""
FARTHEST_PLACE = 1000.0
"""Widths or heights of the photo up to which a point beside it is believed."""
LARGEST_MASK = 16_000_000
"""Pixels of a mask at most; a depth map has fewer."""
DEGREES_APART = 5.0
"""Degrees that the verticals may be off the horizon; drawn lines are not more exact."""


def check_layout(layout: DepthLayout, intrinsics: Float64, photo_size: tuple[int, int]) -> None:
    """Raise PhotoError unless every part of a layout has a place in front of this photo's camera.

    Args:
        layout: what was laid out.
        intrinsics: [3, 3] in pixels of the photo.
        photo_size: (width, height), pixels.

    Raises:
        PhotoError: a number is no length, the verticals contradict the horizon, a wall or a foot is not below the
            horizon, or a cut-out is nothing, everything or turned away.
    """
    if layout.farthest is not None and not 0 < layout.farthest < FARTHEST_DEPTH:
        raise PhotoError(
            "The farthest distance is none",
            f"{layout.farthest:g} m",
            f"Give metres above 0 and below {FARTHEST_DEPTH:g}, or none to leave it unknown.",
        )
    if layout.ground is None and layout.walls:
        raise PhotoError("Walls need a ground to stand on", f"{len(layout.walls)} walls, no ground", "Add the ground.")
    place = _Place(layout.ground, intrinsics, photo_size)
    if layout.ground is not None:
        _check_ground(layout.ground, intrinsics, photo_size)
        for number, wall in enumerate(layout.walls, 1):
            _check_wall(wall, wall.name or f"Wall {number}", place)
    for number, cut_out in enumerate(layout.cut_outs, 1):
        _check_cut_out(cut_out, cut_out.name or f"Cut-out {number}", place)


class _Place:
    """Where points of the photo lie to the horizon."""

    def __init__(self, ground: Ground | None, intrinsics: Float64, size: tuple[int, int]) -> None:
        self.ground = ground
        self._intrinsics = intrinsics
        self._size = size
        self._horizon = None if ground is None else ground.horizon

    def ray(self, point: Point) -> Float64:
        return ray((point[0] * self._size[0], point[1] * self._size[1]), self._intrinsics)

    def down(self) -> Float64:
        return down_vector(self._horizon, self._intrinsics, self._size)

    def floor_depth(self, point: Point, height: float = 0.0) -> float:
        """Metres along z to a level plane at a height above the floor, at a point; infinite where it is not seen."""
        assert self.ground is not None
        over, below = self.ground.camera_height - height, float(self.down() @ self.ray(point))
        return over / below if over * below > 0 else np.inf

    def horizon_at(self, x: float) -> float:
        """The horizon's y at an x, both in fractions."""
        assert self._horizon is not None
        return self._horizon[0] + (self._horizon[1] - self._horizon[0]) * x


def _check_ground(ground: Ground, intrinsics: Float64, photo_size: tuple[int, int]) -> None:
    if not _are_places([ground.horizon]):
        raise PhotoError("The horizon is nowhere", f"{ground.horizon[0]:g} and {ground.horizon[1]:g}", "Draw it again.")
    if not LOWEST <= ground.camera_height < HIGHEST:
        raise PhotoError(
            "The camera's height over the ground is none",
            f"{ground.camera_height:g} m",
            f"Give {LOWEST:g} to {HIGHEST:g} metres: 1.6 from the eye of someone who stands.",
        )
    if ground.ceiling is not None and not ground.camera_height < ground.ceiling < HIGHEST:
        raise PhotoError(
            "The ceiling is not above the camera",
            f"ceiling {ground.ceiling:g} m, camera {ground.camera_height:g} m above the floor",
            "Raise the ceiling, lower the camera, or leave the ceiling out.",
        )
    corners = [ray((x, float(photo_size[1])), intrinsics) for x in (0.0, float(photo_size[0]))]
    seen = max(float(down_vector(ground.horizon, intrinsics, photo_size) @ corner) for corner in corners)
    if not seen > 0 and ground.ceiling is None:
        raise PhotoError(
            "The photo shows no ground",
            f"its horizon is {ground.horizon[0]:.0%} down the photo at the left, {ground.horizon[1]:.0%} at the right",
            "Move the horizon up: below it lies the ground.",
        )
    if ground.vertical is None:
        return
    # Of a level camera it may be at infinity.
    vertical = (np.clip(ground.vertical[0], -1e6, 1e6), np.clip(ground.vertical[1], -1e6, 1e6))
    degrees = vertical_error(ground.horizon, vertical, intrinsics, photo_size)
    # Written so that NaN is refused.
    if not degrees <= DEGREES_APART:
        raise PhotoError(
            "The horizon and the vertical lines contradict each other",
            f"the verticals meet {degrees:.0f} degrees away from where this horizon and this lens have them",
            "Draw the horizon or the verticals again, or correct the focal length.",
        )


def _are_places(points: Iterable[Point]) -> bool:
    """Whether all are numbers, and not absurdly far from the photo."""
    return all(abs(number) <= FARTHEST_PLACE for point in points for number in point)


def _check_wall(wall: Wall, name: str, place: _Place) -> None:
    if len(wall.points) < 2:
        raise PhotoError(f"{name} has no edge", f"{len(wall.points)} points", "It needs two points on the floor.")
    if len(set(wall.points)) < 2:
        raise PhotoError(f"{name} has no length", "its points are one", "Draw its edge from one end to the other.")
    if wall.height is not None and not wall.height > 0:
        raise PhotoError(f"{name} has no height", f"{wall.height:g} m", "Give metres above 0, or none for no limit.")
    _check_below_horizon(wall.points, name, place, "Move it down to where the wall meets the floor.")


def _check_below_horizon(points: Iterable[Point], name: str, place: _Place, remedy: str) -> None:
    for number, point in enumerate(points, 1):
        if not _are_places([point]):
            raise PhotoError(f"{name} has a point that is nowhere", f"point {number}", "Draw it again.")
        if place.floor_depth(point) < FARTHEST_DEPTH:
            continue
        raise PhotoError(
            f"{name} does not meet the floor",
            f"point {number} is {point[1]:.0%} down the photo, the horizon there {place.horizon_at(point[0]):.0%}",
            remedy,
        )


def _check_cut_out(cut_out: CutOut, name: str, place: _Place) -> None:
    _check_region(cut_out, name)
    share = cut_out_share(cut_out)
    if share < SMALLEST_SHARE:
        raise PhotoError(
            f"{name} is too small", f"less than {SMALLEST_SHARE:.3%} of the photo", "Draw around the whole thing."
        )
    if share > LARGEST_SHARE:
        raise PhotoError(
            f"{name} is the whole photo", f"{share:.1%} of it", "Draw around one thing; the rest is what is behind it."
        )
    foot = foot_of(cut_out)
    if not (_are_places([foot]) and abs(cut_out.height) < HIGHEST):
        raise PhotoError(
            f"{name} has a foot that is nowhere", f"at {foot}, {cut_out.height:g} m above the floor", "Set it again."
        )
    if cut_out.distance is not None:
        if not 0 < cut_out.distance < FARTHEST_DEPTH:
            raise PhotoError(f"{name} has no distance", f"{cut_out.distance:g} m", "Give metres above 0.")
    elif place.ground is None:
        raise PhotoError(f"{name} stands nowhere", "there is no ground", "Give its distance, or add the ground.")
    elif not cut_out.height:
        remedy = "Move its foot down to where it touches the floor, or give its distance."
        _check_below_horizon([foot], name, place, remedy)
    elif not place.floor_depth(foot, cut_out.height) < FARTHEST_DEPTH:
        eye, horizon = place.ground.camera_height, place.horizon_at(foot[0])
        raise PhotoError(
            f"{name} does not stand at its height",
            f"it is {cut_out.height:g} m above the floor, the camera {eye:g} m; its foot is {foot[1]:.0%} down the "
            f"photo, the horizon there {horizon:.0%}",
            "What is lower than the camera has its foot below the horizon, what is higher above it.",
        )
    if not abs(cut_out.turn) < 90:
        raise PhotoError(
            f"{name} is seen from its edge", f"turned by {cut_out.turn:g} degrees", "Turn it less than 90 degrees."
        )


def _check_region(cut_out: CutOut, name: str) -> None:
    mask = cut_out.mask
    if mask is not None:
        right = mask.width > 0 and mask.height > 0 and min(mask.runs, default=-1) >= 0
        if not right or sum(mask.runs) != mask.width * mask.height or sum(mask.runs) > LARGEST_MASK:
            raise PhotoError(
                f"{name} has a broken mask",
                f"{mask.width} x {mask.height} pixels in runs of {sum(mask.runs)}, at most {LARGEST_MASK} are read",
                "Make the mask again, smaller where it is that large.",
            )
    elif len(cut_out.outline) < 3 or not _are_places(cut_out.outline):
        raise PhotoError(f"{name} has no area", f"{len(cut_out.outline)} points", "Draw around the thing.")
