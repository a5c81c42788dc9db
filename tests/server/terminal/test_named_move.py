"""A named move in place of a camera file: how its text is read, and where the camera goes."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.camera.moves import MOVES
from blender_addon.core.errors import CameraError
from server.terminal.named_move import NamedMove, moved_camera, read_move

SIZE = (60, 40)
INTRINSICS = np.array([[50.0, 0, 30], [0, 50, 20], [0, 0, 1]])


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("orbit", "orbit", {}),
        ("orbit 20", "orbit", {"angle": 20.0}),
        ("Orbit 20 3.5", "orbit", {"angle": 20.0, "pivot": 3.5}),
        ("orbit angle=-20, pivot=3", "orbit", {"angle": -20.0, "pivot": 3.0}),
        ("dolly-zoom 0.3", "dolly_zoom", {"distance": 0.3}),
        ("still", "still", {}),
    ],
)
def test_a_move_is_its_name_and_numbers(text: str, name: str, values: dict[str, float]) -> None:
    assert read_move(text) == NamedMove(name, values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is no such camera move: nothing was typed"),
        ("fly 3", "There is no such camera move: fly. There are: still, dolly"),
        ("orbit far", r"cannot be read: far\. Type it as: orbit angle=20 pivot=2\.5"),
        ("orbit 20 3 4", r"has not so many parameters: orbit 20 3 4\. It has: angle, pivot"),
        ("orbit height=3", r"has no such parameter: height\. It has: angle, pivot"),
        ("orbit 2000", "angle is out of range: 2000, allowed -720 to 720 degrees"),
        ("still 3", r"It has: none"),
    ],
)
def test_what_is_no_move_is_said(text: str, said: str) -> None:
    with pytest.raises(CameraError, match=said):
        read_move(text)


def test_it_begins_where_the_photo_was_taken_and_fits_the_scene() -> None:
    """An orbit goes around what stands in the middle, 4 m away here, and looks at it all the time."""
    depth = np.full((20, 30), 9.0, np.float32)
    depth[8:12, 12:18] = 4.0
    camera, words = moved_camera(NamedMove("orbit", {"angle": 20.0}), depth, INTRINSICS, SIZE, 5, None)
    assert words == (
        "The camera moves as named: Orbit (angle 20 degrees, pivot distance 4 metres), 5 frames at 24 a second."
    )
    np.testing.assert_allclose(camera.camera_to_world[0], np.eye(4), atol=1e-12)
    pivot = np.linalg.inv(camera.camera_to_world) @ [0.0, 0.0, 4.0, 1.0]
    np.testing.assert_allclose(pivot[:, :3], np.tile([0.0, 0.0, 4.0], (5, 1)), atol=1e-9)
    assert (len(camera), camera.fps, camera.width, camera.height) == (5, 24.0, *SIZE)


@pytest.mark.parametrize("name", sorted(MOVES))
def test_every_move_works_as_it_is(name: str) -> None:
    depth = np.full((20, 30), 3.0, np.float32)
    camera, words = moved_camera(NamedMove(name, {}), depth, INTRINSICS, SIZE, 4, 12.0)
    assert (len(camera), camera.fps) == (4, 12.0)
    assert MOVES[name].label in words
