"""A named camera move in place of a camera file: `--move "orbit 20 pivot=3"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float32, Float64
from blender_addon.core.camera.moves import MOVES, fitting_values, move_trajectory
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_facts import depth_facts
from blender_addon.core.errors import CameraError

FPS = 24.0
"""Frames a second of a move where nothing else is said."""
MIDDLE = 0.2
"""Share of the photo's sides around its middle whose median depth is how far away the subject is."""


@dataclass(frozen=True)
class NamedMove:
    """A move from where the photo was taken.

    Attributes:
        name: a key of MOVES.
        values: the parameters that were typed, by name; the others fit the scene's size.
    """

    name: str
    values: Mapping[str, float]


def read_move(text: str) -> NamedMove:
    """The move in a text: its name, the number of its first parameter, and others by name.

    Args:
        text: as "orbit", "orbit 20" or "orbit angle=20 pivot=3".

    Raises:
        CameraError: there is no such move, it has no such parameter, a number is none, or is out of range.
    """
    first, *rest = text.replace(",", " ").split() or [""]
    name = first.lower().replace("-", "_")
    if name not in MOVES:
        raise CameraError(
            "There is no such camera move", first or "nothing was typed", f"There are: {', '.join(MOVES)}."
        )
    names = [parameter.name for parameter in MOVES[name].parameters]
    values: dict[str, float] = {}
    for index, word in enumerate(rest):
        key, equals, number = word.rpartition("=")
        if not equals:
            key = names[index] if index < len(names) else ""
        try:
            values[key.lower()] = float(number)
        except ValueError as error:
            raise CameraError(
                "A number of the camera move cannot be read", word, f"Type it as: {name} {_example(name)}".rstrip()
            ) from error
    if "" in values:
        raise CameraError(
            f"{MOVES[name].label} has not so many parameters", text, f"It has: {', '.join(names) or 'none'}."
        )
    MOVES[name].checked(values)
    return NamedMove(name, values)


def moved_camera(
    move: NamedMove, depth: Float32, intrinsics: Float64, size: tuple[int, int], count: int, fps: float | None
) -> tuple[Trajectory, str]:
    """The camera of a move that begins where the photo was taken, and a sentence on it.

    What was not typed fits the scene, as in the panel: half a metre in a room, more in a landscape.

    Args:
        move: the move.
        depth: [h, w] metres of the photo.
        intrinsics: [3, 3] in pixels of the photo.
        size: (width, height) of the photo.
        count: frames.
        fps: frames a second; None for FPS.

    Raises:
        CameraError: the move would run into its subject.
    """
    facts = depth_facts(depth)
    fitting = MOVES[move.name].defaults
    if facts is not None:
        fitting = fitting_values(move.name, facts.nearest, round(_subject(depth, facts.middle), 2))
    values = {**fitting, **move.values}
    start = Trajectory(np.eye(4)[None], intrinsics, *size, fps=fps or FPS)
    camera = move_trajectory(move.name, start, values, count=count)
    parameters = MOVES[move.name].parameters
    said = ", ".join(f"{p.label.lower()} {values[p.name]:.3g} {p.unit}" for p in parameters)
    words = f"{MOVES[move.name].label}{f' ({said})' if said else ''}"
    return camera, f"The camera moves as named: {words}, {count} frames at {start.fps:g} a second."


def _subject(depth: Float32, otherwise: float) -> float:
    """Metres to what stands in the middle of the photo."""
    height, width = depth.shape
    rows, columns = (
        slice(int(side * (0.5 - MIDDLE / 2)), int(side * (0.5 + MIDDLE / 2)) + 1) for side in (height, width)
    )
    facts = depth_facts(depth[rows, columns])
    return otherwise if facts is None else facts.middle


def _example(name: str) -> str:
    return " ".join(f"{parameter.name}={parameter.default:g}" for parameter in MOVES[name].parameters)
