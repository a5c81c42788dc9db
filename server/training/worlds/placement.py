"""Places for cameras in a world: in free space, on paths that keep clear of every surface, with something to see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float64
from blender_addon.core.camera.projection import intrinsics_from_fov
from blender_addon.core.camera.rotation import axis_rotation
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import RealCamError

from .film import view_rays
from .paths import Drawn, draw, path
from .world import Hits, World

CLEARANCE = 0.25
"""Metres from the camera to the nearest surface, anywhere on its path."""
EYES = (0.5, 2.2)
"""Metres of a start above the floor, lowest and highest."""
SMALLEST_SECTOR, LOWEST_ROOM = 1.0, 1.2
"""Square metres of a sector's floor, and metres up to its ceiling, from which on cameras start in it."""
FIELDS_OF_VIEW = (50.0, 90.0)
"""Degrees across the picture; the lens is one for a clip."""
ANY_MOTION = (0.0, np.inf)
"""Shares of the picture's width that what is seen first may move, over a clip."""
PITCH, ROLL = 8.0, 3.0
"""Degrees, standard deviations of a start's tilt up or down, and about the view."""
MOST_SKY, MOST_NEAR, NEAR = 0.25, 0.1, 0.4
"""Shares of a frame that may show the sky, or be nearer than NEAR metres."""
MEDIAN_DEPTHS = (0.8, 25.0)
"""Metres: of the median pixel, nearest and farthest."""
MOST_OF_ONE = 0.6
"""Share of a frame that one picture of a wall or floor may fill: of a wall alone nobody sees how the camera moves."""
FARTHEST = 1000.0
"""Metres that stand for the sky's distance."""
LOOK = 12
"""Rays across a frame with which a view is judged."""
AROUND = 32
"""Directions in which room around a camera is looked for."""
TRIES, TRIES_OF_A_DRAW = 4000, 80
"""Starts that are tried for a clip, and for one draw of its move: what is fast finds fewer places than what is slow,
and would be rare if each start had a draw of its own."""
FPS = 10.0


class NoPlaceError(RealCamError):
    """A map has no place for a camera."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A path in a world.

    Attributes:
        trajectory: camera-to-world in the world's axes and metres.
        drawn: the move.
        pivot: metres to the subject.
        view: what the first camera sees, LOOK x LOOK rays.
        sector: it stands in.
    """

    trajectory: Trajectory
    drawn: Drawn
    pivot: float
    view: Hits
    sector: int


class Places:
    """Where cameras may start in a world.

    Args:
        world: it.
        motion: least and most that what the first frame shows moves until the last, as its mean share of the width.
    """

    def __init__(self, world: World, motion: tuple[float, float] = ANY_MOTION) -> None:
        surfaces = world.surfaces
        floors = np.flatnonzero(surfaces.is_floor)
        a, b, c = (surfaces.corners[floors, i] for i in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        of_sector = np.bincount(surfaces.sector[floors], area)
        size = of_sector[surfaces.sector[floors]]
        # A room is drawn by the square root of its size: halls are not all that is seen, nor closets.
        weight = np.where(size >= SMALLEST_SECTOR, area / np.sqrt(np.maximum(size, 1e-9)), 0.0)
        if not weight.any():
            raise NoPlaceError("The map has no place for a camera", f"no sector of {SMALLEST_SECTOR} square metres")
        self._world, self._motion = world, motion
        self._floors = floors
        self._share = weight / weight.sum()
        self._around = _sphere(AROUND)

    def find(self, random: np.random.Generator, frames: int, width: int, height: int) -> Placed:
        """A path that keeps clear of surfaces and sees enough.

        Args:
            random: decides everything.
            frames: of the path.
            width, height: of its pictures.

        Raises:
            NoPlaceError: none was found in TRIES starts.
        """
        drawn = draw(random)
        for number in range(1, TRIES + 1):
            if number % TRIES_OF_A_DRAW == 0:
                drawn = draw(random)
            found = self._try(drawn, random, frames, width, height)
            if found is not None:
                return found
        raise NoPlaceError("No free path was found in the map", f"{TRIES} starts were tried")

    def _try(self, drawn: Drawn, random: np.random.Generator, frames: int, width: int, height: int) -> Placed | None:
        triangle = self._floors[random.choice(len(self._floors), p=self._share)]
        start = self._start(self._world.surfaces.corners[triangle], random, width, height)
        if not self._clear(start.centres).all():
            return None
        view = self._look(start, 0)
        if not self._worth_seeing(view):
            return None
        middle = view.distance.reshape(LOOK, LOOK)[LOOK // 3 : -LOOK // 3, LOOK // 3 : -LOOK // 3]
        pivot = float(np.clip(np.median(middle), 0.5, 30.0))
        moved = path(drawn, start, frames, pivot, random)
        ends = (frames // 2, frames - 1)
        if not self._free(moved.centres) or not all(self._worth_seeing(self._look(moved, end)) for end in ends):
            return None
        if self._motion != ANY_MOTION and not self._motion[0] <= _motion(view, moved) <= self._motion[1]:
            return None
        return Placed(moved, drawn, pivot, view, int(self._world.surfaces.sector[triangle]))

    def _start(self, floor: Float64, random: np.random.Generator, width: int, height: int) -> Trajectory:
        """A camera at a random place over a floor's triangle [3, 3], looking about level in a random direction."""
        u, v = np.sort(random.random(2))
        place = floor[0] * u + floor[1] * (v - u) + floor[2] * (1 - v)
        up = random.uniform(*EYES)
        turns = random.uniform(0, 2 * np.pi), np.radians(PITCH) * random.standard_normal()
        roll = np.radians(ROLL) * random.standard_normal()
        pose = np.eye(4)
        pose[:3, :3] = axis_rotation("Y", turns[0]) @ axis_rotation("X", turns[1]) @ axis_rotation("Z", roll)
        pose[:3, 3] = place - [0, up, 0]
        lens = intrinsics_from_fov(width, height, np.radians(random.uniform(*FIELDS_OF_VIEW)))
        return Trajectory(pose[None], lens, width, height, FPS)

    def _clear(self, centres: Float64) -> Bool:
        """[N] whether no surface is nearer than CLEARANCE."""
        origins = np.repeat(centres, AROUND, axis=0)
        hits = self._world.cast(origins, np.tile(self._around, (len(centres), 1)))
        return np.asarray(hits.distance.reshape(-1, AROUND).min(axis=1) >= CLEARANCE)

    def _free(self, centres: Float64) -> bool:
        """Whether a path keeps clear of surfaces, between its frames too."""
        steps = np.diff(centres, axis=0)
        moving = np.linalg.norm(steps, axis=1) > 1e-6
        if moving.any() and not (self._world.cast(centres[:-1][moving], steps[moving]).distance > 1.0).all():
            return False
        return bool(self._clear(centres).all())

    def _look(self, trajectory: Trajectory, frame: int) -> Hits:
        coarse = trajectory.at([frame]).resized(LOOK, LOOK)
        directions = view_rays(coarse, 0).reshape(-1, 3)
        return self._world.cast(np.broadcast_to(coarse.centres[0], directions.shape), directions)

    def _worth_seeing(self, view: Hits) -> bool:
        near = float((view.distance < NEAR).mean())
        middle = float(np.median(view.distance))
        seen = np.bincount(self._world.surfaces.material[view.triangle]) / len(view.triangle)
        return bool(
            view.sky.mean() <= MOST_SKY
            and near <= MOST_NEAR
            and MEDIAN_DEPTHS[0] <= middle <= MEDIAN_DEPTHS[1]
            and seen.max() <= MOST_OF_ONE
        )


def _motion(view: Hits, moved: Trajectory) -> float:
    """How far what the first frame shows is moved in the last, as its mean share of the width; at most half a width."""
    first = moved.at([0]).resized(LOOK, LOOK)
    rays = view_rays(first, 0).reshape(-1, 3)
    points = first.centres[0] + rays * np.minimum(view.distance, FARTHEST)[:, None]
    start, end = (_projected(points, moved, frame) for frame in (0, -1))
    return float(np.minimum(np.linalg.norm(end - start, axis=1) / moved.width, 0.5).mean())


def _projected(points: Float64, trajectory: Trajectory, frame: int) -> Float64:
    """[N, 2] pixels; what is behind the camera is as if right in front of it."""
    pose, lens = trajectory.camera_to_world[frame], trajectory.intrinsics[frame]
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    flat = local[:, :2] / np.maximum(local[:, 2:], 1e-3)
    return np.asarray(flat * [lens[0, 0], lens[1, 1]] + lens[:2, 2], dtype=np.float64)


def _sphere(count: int) -> Float64:
    """[count, 3] unit vectors, spread evenly (a spiral by the golden angle)."""
    i = np.arange(count) + 0.5
    height, turn = 1 - 2 * i / count, np.pi * (1 + np.sqrt(5)) * i
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], axis=1)
