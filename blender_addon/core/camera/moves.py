"""Named camera moves in metres and degrees, as starting points for editing in the graph editor.

A move is a pure function of its parameters and of progress in 0..1. It is relative to the start camera's own axes:
right, up and forward are the camera's, so that a level camera moves level. Moves about a subject (orbit, dolly zoom)
circle the pivot: the point on the optical axis at the pivot distance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Float64
from ..errors import CameraError
from .rotation import axis_rotation
from .trajectory import Trajectory

Unit = Literal["metres", "degrees", "factor"]
Easing = Literal["linear", "ease", "ease_in", "ease_out"]
Values = Mapping[str, float]


@dataclass(frozen=True)
class MoveParameter:
    """One number of a move, with what the panel needs to draw it.

    Attributes:
        name: key in the move's values.
        label, description: shown in the panel.
        unit: "factor" is dimensionless.
        default, minimum, maximum: in `unit`; both limits are allowed values.
    """

    name: str
    label: str
    description: str
    unit: Unit
    default: float
    minimum: float
    maximum: float


@dataclass(frozen=True)
class LocalPath:
    """The cameras of a move relative to the start camera.

    Attributes:
        rotation: [N, 3, 3] float64, in the start camera's OpenCV axes.
        position: [N, 3] float64 metres, in the same axes.
        focal: [N] factor on the start camera's focal length.
    """

    rotation: Float64
    position: Float64
    focal: Float64


@dataclass(frozen=True)
class Move:
    """A named move.

    Attributes:
        name: key in MOVES.
        label, description: shown in the menu.
        parameters: in the order of the panel.
        path: maps parameter values and eased progress [N] in 0..1 to the cameras.
    """

    name: str
    label: str
    description: str
    parameters: tuple[MoveParameter, ...]
    path: Callable[[Values, Float64], LocalPath]

    @property
    def defaults(self) -> dict[str, float]:
        """Every parameter's default by name."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def checked(self, values: Values) -> dict[str, float]:
        """Values for every parameter: the defaults, overridden by `values`.

        Raises:
            CameraError: a name is unknown, or a value out of range.
        """
        unknown = sorted(set(values) - set(self.defaults))
        if unknown:
            raise CameraError(
                f"{self.label} has no such parameter", ", ".join(unknown), f"It has: {', '.join(self.defaults)}."
            )
        result = {**self.defaults, **values}
        for parameter in self.parameters:
            value = result[parameter.name]
            if not parameter.minimum <= value <= parameter.maximum:
                raise CameraError(
                    f"{self.label}: {parameter.label.lower()} is out of range",
                    f"{value:g}, allowed {parameter.minimum:g} to {parameter.maximum:g} {parameter.unit}",
                )
        return result


def fitting_values(name: str, nearest: float, pivot: float) -> dict[str, float]:
    """A move's parameters to begin with in a scene of a given size: the defaults suit a room.

    What goes half a metre in a room goes a fifth of the way to the nearest thing where that is far away, and half of it
    where it is close. About a subject the camera goes around by no more than moves it by half the distance of the
    nearest thing: a subject far down a street is circled by a few degrees.

    Args:
        name: A key of MOVES.
        nearest: Metres to the nearest thing in the picture.
        pivot: Metres to the subject.

    Returns:
        Every parameter by name, within its limits.
    """
    values = MOVES[name].defaults
    size = min(max(1.0, 0.4 * nearest), nearest)
    for parameter in MOVES[name].parameters:
        if parameter.name == "pivot":
            value = pivot
        elif parameter.unit == "metres":
            value = parameter.default * size
        elif parameter.name == "angle" and PIVOT in MOVES[name].parameters:
            most = 2 * np.degrees(np.arcsin(min(nearest / (4 * pivot), 1.0)))
            value = min(parameter.default, float(np.floor(most)) if most >= 2 else float(most))
        else:
            continue
        values[parameter.name] = min(max(value, parameter.minimum), parameter.maximum)
    return values


def eased(progress: ArrayLike, easing: Easing) -> Float64:
    """Progress reparametrised by an easing.

    Args:
        progress: [N], clamped to 0..1.
        easing: "ease" starts and stops softly, "ease_in" only starts softly, "ease_out" only stops softly.

    Returns:
        [N] float64 in 0..1.
    """
    s = np.clip(np.asarray(progress, dtype=np.float64), 0.0, 1.0)
    if easing == "ease":
        return np.asarray(s * s * (3 - 2 * s), dtype=np.float64)
    if easing == "ease_in":
        return np.asarray(s * s, dtype=np.float64)
    if easing == "ease_out":
        return np.asarray(s * (2 - s), dtype=np.float64)
    return s


def move_at(
    name: str, start: Trajectory, values: Values | None = None, *, progress: ArrayLike, easing: Easing = "ease"
) -> Trajectory:
    """The cameras of a move at given progress.

    To bake keyframes, sample densely, turn the poses into Blender's channels (location, continuous Euler angles, focal
    length) and call keyframes.fit_keyframes.

    Args:
        name: a key of MOVES.
        start: its first frame is the start camera; world, size and fps are taken from it.
        values: parameters that differ from their defaults, by name; None for none.
        progress: [N], clamped to 0..1; 0 is the start camera.
        easing: speed along the move.

    Returns:
        A trajectory of N frames in the world of `start`.

    Raises:
        CameraError: the move is unknown, a parameter is out of range, or the move would reach its pivot.
    """
    if name not in MOVES:
        raise CameraError("There is no such camera move", name, f"There are: {', '.join(MOVES)}.")
    move = MOVES[name]
    path = move.path(move.checked(values or {}), eased(progress, easing))
    local = np.tile(np.eye(4), (len(path.position), 1, 1))
    local[:, :3, :3] = path.rotation
    local[:, :3, 3] = path.position
    intrinsics = np.repeat(start.intrinsics[:1], len(local), axis=0)
    intrinsics[:, 0, :2] *= path.focal[:, None]
    intrinsics[:, 1, 1] *= path.focal
    return replace(start, camera_to_world=start.camera_to_world[0] @ local, intrinsics=intrinsics)


def move_trajectory(
    name: str, start: Trajectory, values: Values | None = None, *, count: int, easing: Easing = "ease"
) -> Trajectory:
    """The move over `count` frames, evenly spread from start to end; see move_at."""
    return move_at(name, start, values, progress=np.linspace(0.0, 1.0, count), easing=easing)


def _metres(name: str, label: str, description: str, default: float, limit: float = 100.0) -> MoveParameter:
    return MoveParameter(name, label, description, "metres", default, -limit, limit)


def _degrees(default: float, description: str, limit: float = 720.0) -> MoveParameter:
    return MoveParameter("angle", "Angle", description, "degrees", default, -limit, limit)


PIVOT = MoveParameter(
    "pivot", "Pivot distance", "How far in front of the camera the subject is", "metres", 2.5, 0.01, 10000.0
)
"""The parameter that moves about a subject share."""


def _path(
    progress: Float64,
    position: tuple[ArrayLike, ArrayLike, ArrayLike] = (0.0, 0.0, 0.0),
    rotation: Float64 | None = None,
    focal: ArrayLike = 1.0,
) -> LocalPath:
    """A LocalPath of N frames from what may be constant: position is (right, down, forward)."""
    count = len(progress)
    still = np.tile(np.eye(3), (count, 1, 1)) if rotation is None else rotation
    where = np.stack([np.broadcast_to(np.asarray(axis, dtype=np.float64), count) for axis in position], axis=1)
    return LocalPath(still, where, np.broadcast_to(np.asarray(focal, dtype=np.float64), count))


def _aimed(position: tuple[ArrayLike, ArrayLike, ArrayLike], pivot: float, progress: Float64) -> LocalPath:
    """The camera at `position` turned, without roll, so that the pivot stays in the middle of the picture."""
    path = _path(progress, position)
    right, down, forward = (np.array([0.0, 0.0, pivot]) - path.position).T
    rotation = axis_rotation("Y", np.arctan2(right, forward)) @ axis_rotation(
        "X", -np.arctan2(down, np.hypot(right, forward))
    )
    return replace(path, rotation=rotation)


def _around(yaw: Float64, rise: Float64, radius: Float64, pivot: float) -> LocalPath:
    """On a cylinder about the pivot's vertical: yaw (radians, to the right), rise (metres), looking at the pivot."""
    position = np.stack([radius * np.sin(yaw), -rise, pivot - radius * np.cos(yaw)], axis=1)
    rotation = axis_rotation("Y", -yaw) @ axis_rotation("X", -np.arctan2(rise, radius))
    return LocalPath(rotation, position, np.ones_like(yaw))


def _still(_: Values, s: Float64) -> LocalPath:
    return _path(s)


def _dolly(p: Values, s: Float64) -> LocalPath:
    return _path(s, (0, 0, p["distance"] * s))


def _truck(p: Values, s: Float64) -> LocalPath:
    return _path(s, (p["distance"] * s, 0, 0))


def _pedestal(p: Values, s: Float64) -> LocalPath:
    return _path(s, (0, -p["distance"] * s, 0))


def _pan(p: Values, s: Float64) -> LocalPath:
    return _path(s, rotation=axis_rotation("Y", np.radians(p["angle"]) * s))


def _tilt(p: Values, s: Float64) -> LocalPath:
    return _path(s, rotation=axis_rotation("X", np.radians(p["angle"]) * s))


def _roll(p: Values, s: Float64) -> LocalPath:
    return _path(s, rotation=axis_rotation("Z", np.radians(p["angle"]) * s))


def _orbit(p: Values, s: Float64) -> LocalPath:
    return _around(np.radians(p["angle"]) * s, 0 * s, p["pivot"] + 0 * s, p["pivot"])


def _orbit_over(p: Values, s: Float64) -> LocalPath:
    angle, pivot = np.radians(p["angle"]) * s, p["pivot"]
    path = _path(s, (0, -pivot * np.sin(angle), pivot * (1 - np.cos(angle))))
    return replace(path, rotation=axis_rotation("X", -angle))


def _spiral(p: Values, s: Float64) -> LocalPath:
    _keep_away("Spiral", p["approach"], p["pivot"])
    return _around(np.radians(p["angle"]) * s, p["rise"] * s, p["pivot"] - p["approach"] * s, p["pivot"])


def _push_in(p: Values, s: Float64) -> LocalPath:
    _keep_away("Push-in", p["distance"], p["pivot"])
    return _around(np.radians(p["angle"]) * s, 0 * s, p["pivot"] - p["distance"] * s, p["pivot"])


def _crane(p: Values, s: Float64) -> LocalPath:
    return _aimed((0, -p["height"] * s, 0), p["pivot"], s)


def _tracking(p: Values, s: Float64) -> LocalPath:
    return _aimed((p["distance"] * s, 0, 0), p["pivot"], s)


def _reveal(p: Values, s: Float64) -> LocalPath:
    return _path(s, (0, -p["height"] * s, -p["distance"] * s))


def _dolly_zoom(p: Values, s: Float64) -> LocalPath:
    _keep_away("Dolly zoom", p["distance"], p["pivot"])
    # The picture's size of the pivot plane is focal / distance: both shrink alike.
    return _path(s, (0, 0, p["distance"] * s), focal=(p["pivot"] - p["distance"] * s) / p["pivot"])


def _zoom(p: Values, s: Float64) -> LocalPath:
    return _path(s, focal=p["factor"] ** s)


def _parallax_loop(p: Values, s: Float64) -> LocalPath:
    turn = 2 * np.pi * s
    return _aimed((p["width"] / 2 * np.sin(turn), p["height"] / 2 * (1 - np.cos(turn)), 0), p["pivot"], s)


def _keep_away(label: str, approach: float, pivot: float) -> None:
    if approach >= pivot:
        raise CameraError(
            f"{label} would run into its subject",
            f"it comes {approach:g} m closer, the pivot is {pivot:g} m away",
            "Shorten the move or set the pivot farther away.",
        )


_FORWARD = _metres("distance", "Distance", "How far to move forward; negative moves back", 0.5)
_CLOSER = _metres("distance", "Distance", "How much closer to the subject; negative moves away", 0.5)
_RIGHT = _metres("distance", "Distance", "How far to move right; negative moves left", 0.5)
_UP = _metres("distance", "Distance", "How far to move up; negative moves down", 0.5)
_HEIGHT = _metres("height", "Height", "How far to rise; negative sinks", 0.5)

_ALL = (
    Move("still", "Still", "The camera does not move", (), _still),
    Move("dolly", "Dolly", "Forward or back along the view", (_FORWARD,), _dolly),
    Move("truck", "Truck", "Sideways, looking ahead", (_RIGHT,), _truck),
    Move("pedestal", "Pedestal", "Up or down, looking ahead", (_UP,), _pedestal),
    Move("pan", "Pan", "Turn right or left on the spot", (_degrees(20, "Turn to the right"),), _pan),
    Move("tilt", "Tilt", "Turn up or down on the spot", (_degrees(10, "Turn upwards"),), _tilt),
    Move("roll", "Roll", "Turn about the view", (_degrees(10, "Turn the camera clockwise"),), _roll),
    Move("zoom", "Zoom", "Change the focal length only", (
        MoveParameter("factor", "Factor", "Ratio of the last focal length to the first", "factor", 1.5, 0.05, 20.0),
    ), _zoom),
    Move("orbit", "Orbit", "Arc around the subject, looking at it", (
        _degrees(20, "How far to go around, moving right"), PIVOT,
    ), _orbit),
    Move("orbit_over", "Orbit over", "Arc over the subject, looking at it", (
        _degrees(15, "How far to go over, moving up", 89.0), PIVOT,
    ), _orbit_over),
    Move("crane", "Crane", "Rise straight up, turning to keep the subject in the middle", (_HEIGHT, PIVOT), _crane),
    Move("tracking", "Tracking", "Sideways, turning to keep the subject in the middle", (_RIGHT, PIVOT), _tracking),
    Move("push_in", "Push-in with arc", "Closer to the subject while going around it", (
        _CLOSER, _degrees(15, "How far to go around, moving right"), PIVOT,
    ), _push_in),
    Move("spiral", "Spiral", "Around the subject while rising and coming closer", (
        _degrees(60, "How far to go around, moving right"),
        _metres("rise", "Rise", "How far to rise; negative sinks", 0.5),
        _metres("approach", "Approach", "How much closer at the end; negative moves away", 0.5),
        PIVOT,
    ), _spiral),
    Move("reveal", "Reveal", "Back and up, looking ahead", (
        _metres("distance", "Distance", "How far to move back; negative moves forward", 0.5), _HEIGHT,
    ), _reveal),
    Move("dolly_zoom", "Dolly zoom", "Move while zooming so that the subject keeps its size", (
        _CLOSER, PIVOT,
    ), _dolly_zoom),
    Move("parallax_loop", "Parallax loop", "A small ellipse around the photo's place, ending where it began", (
        _metres("width", "Width", "From the leftmost to the rightmost point", 0.3),
        _metres("height", "Height", "From the lowest to the highest point", 0.1),
        PIVOT,
    ), _parallax_loop),
)  # fmt: skip

MOVES: dict[str, Move] = {move.name: move for move in _ALL}
"""Every move by name, in the order a menu should show them."""
