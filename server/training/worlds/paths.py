"""Camera paths of the kinds that artists make, with speeds in metres and degrees a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.moves import Easing, move_trajectory
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory

SPEEDS = (0.01, 0.25)
"""Metres a frame, slowest and fastest mean; drawn evenly in their logarithm."""
TURNS = (0.1, 3.0)
"""Degrees a frame, likewise."""
LARGEST_TURN = {"pan": 45.0, "tilt": 25.0, "roll": 30.0, "orbit": 60.0, "push_in": 45.0, "spiral": 60.0}
"""Degrees over a whole clip."""
CLOSEST = 0.6
"""Share of the distance to its subject that a move may come closer."""
SHAKE_SPEED = 0.08
"""Metres a frame that a camera in the hand moves at most."""

KINDS = {
    **{"dolly": 2.0, "truck": 2.0, "pedestal": 1.0, "pan": 1.0, "tilt": 0.7, "roll": 0.5, "orbit": 2.0},
    **{"crane": 0.7, "tracking": 0.7, "push_in": 1.0, "spiral": 0.7, "reveal": 0.7, "handheld": 1.5, "combined": 3.5},
}
"""Kind of move -> how often, relative to the others."""


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a path before its place is known.

    Attributes:
        kind: of KINDS.
        speed: mean, metres a frame.
        turn: mean, degrees a frame.
        easing: of the move along its path.
    """

    kind: str
    speed: float
    turn: float
    easing: Easing


def draw(random: np.random.Generator) -> Drawn:
    """Kind, speeds and easing of a path."""
    weights = np.array(list(KINDS.values()))
    kind = str(random.choice(list(KINDS), p=weights / weights.sum()))
    speed, turn = (float(np.exp(random.uniform(*np.log(limits)))) for limits in (SPEEDS, TURNS))
    easing: Easing = get_args(Easing)[int(random.integers(len(get_args(Easing))))]
    return Drawn(kind, speed, turn, easing)


def path(drawn: Drawn, start: Trajectory, frames: int, pivot: float, random: np.random.Generator) -> Trajectory:
    """A path from a start.

    Args:
        drawn: what it is.
        start: its first frame is the first camera.
        frames: how many.
        pivot: metres to the subject.
        random: for signs, and for what shakes.
    """
    if drawn.kind == "handheld":
        shake = _handheld(min(drawn.speed, SHAKE_SPEED), drawn.turn / 3, frames, random)
        return replace(start.resample(frames), camera_to_world=start.camera_to_world[0] @ shake)
    if drawn.kind == "combined":
        free = _combined(drawn, frames, random)
        return replace(start.resample(frames), camera_to_world=start.camera_to_world[0] @ free)
    values = _PARAMETERS[drawn.kind](drawn, frames - 1, pivot, _sign(random), _sign(random))
    return move_trajectory(drawn.kind, start, values, count=frames, easing=drawn.easing)


Parameters = Callable[[Drawn, int, float, float, float], dict[str, float]]


def _along(name: str) -> Parameters:
    return lambda drawn, steps, pivot, sign, _: {name: sign * drawn.speed * steps}


def _turning(kind: str) -> Parameters:
    return lambda drawn, steps, pivot, sign, _: {"angle": sign * min(drawn.turn * steps, LARGEST_TURN[kind])}


def _arc(drawn: Drawn, steps: int, pivot: float, kind: str) -> float:
    """Degrees about a subject of a path at the drawn speed."""
    return min(float(np.degrees(drawn.speed * steps / pivot)), LARGEST_TURN[kind])


def _nearer(drawn: Drawn, steps: int, pivot: float, sign: float) -> float:
    """Metres closer to the subject, negative away from it."""
    return sign * min(drawn.speed * steps, CLOSEST * pivot)


_PARAMETERS: dict[str, Parameters] = {
    "dolly": _along("distance"),
    "truck": _along("distance"),
    "pedestal": _along("distance"),
    "pan": _turning("pan"),
    "tilt": _turning("tilt"),
    "roll": _turning("roll"),
    "orbit": lambda d, n, pivot, a, _: {"angle": a * _arc(d, n, pivot, "orbit"), "pivot": pivot},
    "crane": lambda d, n, pivot, a, _: {"height": a * d.speed * n, "pivot": pivot},
    "tracking": lambda d, n, pivot, a, _: {"distance": a * d.speed * n, "pivot": pivot},
    "push_in": lambda d, n, pivot, a, b: {
        **{"distance": _nearer(d, n, pivot, a) * 0.7, "angle": b * _arc(d, n, pivot, "push_in") * 0.7, "pivot": pivot},
    },
    "spiral": lambda d, n, pivot, a, b: {
        **{"angle": a * _arc(d, n, pivot, "spiral") * 0.8, "rise": b * d.speed * n * 0.4},
        **{"approach": _nearer(d, n, pivot, 1.0) * 0.4, "pivot": pivot},
    },
    "reveal": lambda d, n, pivot, a, b: {"distance": d.speed * n * 0.8, "height": a * d.speed * n * 0.6},
}


def _combined(drawn: Drawn, frames: int, random: np.random.Generator) -> Float64:
    """[F, 4, 4] along a bent line in any direction, turning about any axis, with a little shake."""
    s = np.linspace(0, 1, frames)[:, None]
    length = drawn.speed * (frames - 1)
    way, bend, axis = (_direction(random) for _ in range(3))
    where = length * (way * s + random.uniform(-0.5, 0.5) * bend * (s * s - s))
    turn = np.radians(min(drawn.turn * (frames - 1), 40.0)) * axis * [1.0, 1.0, 0.5] * s
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, :3, 3], poses[:, :3, :3] = where, rotation_exp(turn)
    shake = float(random.uniform(0, 0.3))
    return poses @ _handheld(shake * min(drawn.speed, SHAKE_SPEED), shake * 0.3, frames, random)


def _handheld(speed: float, turn: float, frames: int, random: np.random.Generator) -> Float64:
    """[F, 4, 4] of a camera in the hand: slow waves in all six degrees of freedom, at mean speeds a frame."""
    s = np.linspace(0, 1, frames)[:, None]
    poses = np.tile(np.eye(4), (frames, 1, 1))
    for mean, target in ((speed, "place"), (np.radians(turn), "turn")):
        waves = np.zeros((frames, 3))
        for cycles in (0.6, 1.2, 2.1):
            cycle = cycles * random.uniform(0.7, 1.3, 3)
            waves += random.standard_normal(3) / cycles * np.sin(2 * np.pi * (cycle * s + random.uniform(0, 1, 3)))
        waves -= waves[0]
        waves *= mean / max(float(np.linalg.norm(np.diff(waves, axis=0), axis=1).mean()), 1e-9)
        if target == "place":
            poses[:, :3, 3] = waves
        else:
            poses[:, :3, :3] = rotation_exp(waves)
    return poses


def _direction(random: np.random.Generator) -> Float64:
    way = random.standard_normal(3)
    return np.asarray(way / np.linalg.norm(way), dtype=np.float64)


def _sign(random: np.random.Generator) -> float:
    return 1.0 if random.random() < 0.5 else -1.0
