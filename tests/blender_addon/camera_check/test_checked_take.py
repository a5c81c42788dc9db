"""What a check says, in words and in a picture."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from blender_addon.camera_check.checked_take import CheckedTake, angle_line, distance_line
from blender_addon.camera_check.error_picture import DISTANCE, HEIGHT, WIDTH, WORST, chart_tops, error_picture

CHECK = CheckedTake(
    shot="shot",
    take=2,
    imported_at=1.0,
    asked=((0.0, 0.0, 0.0), (0.1, 0.0, 0.0), (0.2, 0.0, 0.0), (0.3, 0.0, 0.0)),
    achieved=((0.0, 0.0, 0.0), (0.104, 0.0, 0.0), (0.39, 0.0, 0.0)),
    index=(0, 1, 3),
    scene_frames=(1.0, 16.0, 46.0),
    degrees=(0.0, 0.1, 0.12),
    metres=(0.0, 0.004, 0.09),
    metric=True,
    scale=1.3,
    findings=("The camera goes 1.30 times as far as asked.",),
    scene_scale=1.0,
)


def test_numbers_are_said_as_a_person_says_them() -> None:
    assert angle_line(CHECK) == "Turned away: 0.1° (median), 0.12° at most"
    assert distance_line(CHECK, 1.0) == "Off its place: 4 mm (median), 9.0 cm at most"
    fitted = msgspec.structs.replace(CHECK, metric=False, scale=None)
    assert distance_line(fitted, 1.0).endswith("; scale unknown, fitted")


def test_a_scene_that_was_re_metered_since_is_told_in_its_new_metres() -> None:
    assert distance_line(CHECK, 20.0) == "Off its place: 8.0 cm (median), 1.80 m at most"
    asked, achieved = CHECK.paths(20.0)
    assert np.allclose(asked[-1], [6.0, 0, 0])
    assert np.allclose(achieved[-1], [7.8, 0, 0])


def test_the_worst_frame_weighs_angle_and_distance() -> None:
    assert CHECK.worst == 2
    turned = msgspec.structs.replace(CHECK, degrees=(0.0, 30.0, 0.1))
    assert turned.worst == 1


def test_errors_that_nobody_would_notice_look_small() -> None:
    quiet = msgspec.structs.replace(CHECK, degrees=(0.0, 0.01, 0.05), metres=(0.0, 0.0001, 0.0015))
    assert chart_tops(quiet) == (0.5, pytest.approx(0.015)), "half a degree, and a twentieth of the way"
    assert chart_tops(CHECK) == (0.5, 0.09)
    for chart in (error_picture(quiet)[:HEIGHT], error_picture(quiet)[-HEIGHT:]):
        bars = (chart[:, WIDTH * 7 // 8, :3] == WORST[:3]).all(axis=1).sum()
        assert bars == round((HEIGHT - 8) * 0.1)


def test_the_picture_has_a_bar_for_every_frame_that_was_found() -> None:
    picture = error_picture(CHECK)
    lower = picture[-HEIGHT:]
    middle = WIDTH * (2 * np.arange(4) + 1) // 8
    bars = [(lower[:, x, :3] == colour[:3]).all(axis=1).sum() for x, colour in zip(middle, [DISTANCE] * 4, strict=True)]
    assert bars[1] == round((HEIGHT - 8) * 0.004 / 0.09)
    assert bars[2] == 0, "not found"
    assert (lower[:, middle[3], :3] == WORST[:3]).all(axis=1).sum() == HEIGHT - 8
