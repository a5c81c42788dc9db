"""Relative depth becomes metres: by points, by the floor, by nearest and farthest; and what cannot is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.projection import intrinsics_matrix, pixel_grid, unproject
from blender_addon.core.depth.calibration.depth_law import DepthLaw
from blender_addon.core.depth.calibration.fit import DepthFit, fit_depth
from blender_addon.core.depth.calibration.fit_words import fit_words, limit_words
from blender_addon.core.depth.calibration.known_points import (
    KnownPoints,
    along_z,
    ends_of,
    floor_depths,
    number_at,
)
from blender_addon.core.depth.layout.ground_plane import down_vector
from blender_addon.core.errors import PhotoError

INTRINSICS = intrinsics_matrix(60.0, 60.0, 32.0, 24.0)
SIZE = (64, 48)


def room() -> Float64:
    """[48, 64] metres: a floor 0.8 m below a level camera as far as a wall at 6 m, and a box at 2 m."""
    rays = unproject(np.ones((48, 64)), INTRINSICS)
    floor = np.where(rays[..., 1] > 0, 0.8 / np.maximum(rays[..., 1], 1e-9), np.inf)
    depth = np.minimum(floor, 6.0)
    depth[20:34, 10:22] = np.minimum(depth[20:34, 10:22], 2.0)
    return np.asarray(depth)


PLACES = [(27, 15), (10, 40), (44, 30), (38, 50), (33, 5), (47, 60)]
"""(row, column): box, wall, floor, floor, floor and the floor's nearest corner."""


def known(picture: Float64, places: list[tuple[int, int]] = PLACES, depth: Float64 | None = None) -> KnownPoints:
    rows, columns = np.array(places).T
    return KnownPoints(picture[rows, columns], (room() if depth is None else depth)[rows, columns])


def worst(fit: DepthFit, picture: Float64) -> float:
    return float(np.abs(fit.law.metres(picture) / room() - 1).max())


@given(
    st.sampled_from(["depth", "inverse"]),
    st.booleans(),
    st.floats(0.01, 100),
    st.floats(-50, 50),
    st.integers(3, 6),
)
def test_a_relative_picture_is_brought_back_whatever_its_numbers_mean(
    gives: str, turned: bool, stretch: float, shift: float, count: int
) -> None:
    """Near bright or dark, inverse or not, of any range: the points alone tell."""
    line = room() if gives == "depth" else 1 / room()
    picture = (-line if turned else line) * stretch + shift
    fit = fit_depth(known(picture, PLACES[:count]), "relative", picture)
    assert (fit.law.gives, fit.law.farther_is_higher) == (gives, (gives == "depth") != turned)
    assert worst(fit, picture) < 1e-6
    assert fit.residual < 1e-6
    np.testing.assert_allclose(fit.law.numbers(fit.law.metres(picture)), picture, rtol=1e-6, atol=1e-6 * stretch)


@pytest.mark.parametrize("gives", ["depth", "inverse"])
def test_of_8_bits_it_is_right_within_the_pictures_steps(gives: str) -> None:
    line = room() if gives == "depth" else 1 / room()
    share = (line - line.min()) / np.ptp(line)
    picture = np.rint(share * 255)
    step = np.ptp(line) / 255
    fit = fit_depth(known(picture), "relative", picture)
    assert fit.law.gives == gives
    error = np.abs((fit.law.metres(picture) if gives == "depth" else 1 / fit.law.metres(picture)) - line)
    assert error.max() < 1.5 * step
    assert "Residual of 6 points: 0." in fit_words(fit)


def test_two_points_are_met_exactly_and_it_is_said() -> None:
    """The usual law then: the inverse where near is high, else the distance."""
    for picture in (1 / room(), room()):
        fit = fit_depth(known(picture, PLACES[:2]), "relative", picture)
        assert fit.exact
        assert worst(fit, picture) < 1e-9
        assert "A third would check them" in fit_words(fit)


def test_wrong_metres_are_mended() -> None:
    """A predictor's affine error, in the distance or in its inverse."""
    for predicted, gives in ((room() * 1.3 + 0.4, "depth"), (1 / (0.8 / room() + 0.3), "inverse")):
        fit = fit_depth(known(predicted), "metric", predicted)
        assert fit.law.gives == gives
        assert worst(fit, predicted) < 1e-9


def test_metres_by_a_guess_are_brought_back_from_the_guess() -> None:
    """A picture of inverse depth that was read as 1 to 10 m, rightly or the wrong way round."""
    for stored in (1 / room(), room()):
        share = (stored - stored.min()) / np.ptp(stored)
        guessed = 1 / (0.1 + share * 0.9)
        fit = fit_depth(known(guessed), "reciprocal", guessed)
        assert worst(fit, guessed) < 1e-9


def test_a_wrong_point_among_five_is_left_out() -> None:
    picture = 1 / room()
    points = known(picture)
    wrong = np.where(np.arange(6) == 3, 0.8, points.metres)
    fit = fit_depth(KnownPoints(picture[tuple(np.array(PLACES).T)], wrong), "relative", picture)
    assert fit.kept.tolist() == [True, True, True, False, True, True]
    assert worst(fit, picture) < 1e-9
    assert "Left out, as fitting no law: 4" in fit_words(fit)


def test_points_that_are_measured_badly_are_all_kept() -> None:
    """By 2 %, as a person estimates; and where no law fits most of them."""
    picture = 1 / room()
    points = known(picture)
    estimated = KnownPoints(points.numbers, points.metres * [1.02, 0.98, 1.01, 0.98, 1.02, 1.0])
    assert fit_depth(estimated, "relative", picture).kept.all()
    nonsense = KnownPoints(np.linspace(0.1, 0.9, 5), np.array([3.0, 1.0, 4.0, 1.5, 9.0]))
    fit = fit_depth(nonsense, "relative", np.linspace(0, 1, 50), "depth")
    assert fit.kept.all()
    assert "That is much: check the points" in fit_words(fit)


def test_a_wrong_point_among_three_is_seen_in_the_residual() -> None:
    picture = 1 / room()
    points = known(picture, PLACES[:3])
    fit = fit_depth(KnownPoints(points.numbers, points.metres * [1, 1, 1.5]), "relative", picture)
    assert fit.residual > 0.05


@given(st.floats(-0.2, 0.2), st.floats(-0.15, 0.3), st.floats(0.3, 4.0))
def test_the_floor_and_the_cameras_height_are_enough(roll: float, pitch: float, height: float) -> None:
    """A floor seen by a tilted camera: the horizon says where up is."""
    down = np.array([-np.sin(roll) * np.cos(pitch), np.cos(roll) * np.cos(pitch), np.sin(pitch)])
    # Where the horizon, on which rays are at right angles to down, crosses the photo's edges.
    left, right = ((24 - (60 * down[2] + down[0] * (x - 32)) / down[1]) / SIZE[1] for x in (0.0, float(SIZE[0])))
    np.testing.assert_allclose(down_vector((left, right), INTRINSICS, SIZE), down, atol=1e-9)
    pixels = pixel_grid(*SIZE)[34::6, ::9].reshape(-1, 2)
    rays = np.concatenate([(pixels - [32, 24]) / 60, np.ones((len(pixels), 1))], axis=1)
    pixels, rays = pixels[rays @ down > 0.05], rays[rays @ down > 0.05]
    if len(pixels) < 6:
        return
    true = height / (rays @ down)
    numbers = 7.0 / true - 2.0
    points = KnownPoints(numbers, floor_depths(pixels, INTRINSICS, height, down))
    np.testing.assert_allclose(points.metres, true)
    if np.ptp(true) > 0.1 * true.min():
        fit = fit_depth(points, "relative", numbers, "inverse")
        np.testing.assert_allclose(fit.law.unlimited(numbers), true, rtol=1e-6)


def test_nearest_and_farthest_put_the_ends_there() -> None:
    picture = 255 * (1 / room() - 1 / 6.0)
    points = ends_of(picture, *np.percentile(room(), [2, 98]), near_is_high=True)
    assert worst(fit_depth(points, "relative", picture, "inverse"), picture) < 1e-6


def test_a_tape_measures_along_the_ray() -> None:
    corner = np.array([[64.0, 48.0]])
    assert along_z(np.array([2.0]), corner, INTRINSICS, "z")[0] == 2.0
    straight = np.linalg.norm([32 / 60, 24 / 60, 1])
    assert along_z(np.array([2.0]), corner, INTRINSICS, "ray")[0] == pytest.approx(2.0 / straight)


def test_a_points_number_is_none_of_two_surfaces_mixed() -> None:
    picture = np.full((9, 9), 10.0)
    picture[:, 5:] = 90.0
    picture[4, 4] = np.nan
    assert number_at(picture, 4.5 / 9, 4.5 / 9) in (10.0, 90.0)
    assert np.isnan(number_at(np.full((5, 5), np.nan), 0.5, 0.5))


REFUSED = [
    ([0.2, 0.8], [2.0, 2.04], "Points of one distance only .* all are 2.0 to 2.0 m away"),
    ([0.5, 0.5], [1.0, 2.0], "All points have the same depth in the picture"),
    ([0.5, 0.5, 0.9], [1.0, 2.0, 3.0], "points 1 and 2 have the same depth in the picture, but 1.0 and 2.0 m"),
    ([0.5], [1.0], "needs two points of known distance: there is 1"),
    ([0.2, 0.8], [1.0, 0.0], "A distance is not a positive number: point 2"),
    ([0.2, 0.8], [1.0, np.nan], "A distance is not a positive number: point 2"),
    ([0.2, np.nan], [1.0, 2.0], "The picture has no depth there: point 2"),
    ([0.50, 0.51], [1.0, 9.0], "These distances cannot be meant"),
]


@pytest.mark.parametrize(("numbers", "metres", "sentence"), REFUSED)
def test_what_gives_no_metres_is_refused(numbers: list[float], metres: list[float], sentence: str) -> None:
    picture = np.linspace(0, 1, 101)
    with pytest.raises(PhotoError, match=sentence):
        fit_depth(KnownPoints(np.array(numbers), np.array(metres)), "relative", picture)


@pytest.mark.parametrize(
    ("pixels", "height", "sentence"),
    [
        ([[10, 40], [20, 40], [30, 47]], 0.0, "camera's height is not a positive number: 0 m"),
        ([[10, 40], [20, 40]], 1.5, "The floor needs three points: there are 2"),
        ([[10, 40], [20, 10], [30, 47]], 1.5, "not below the horizon: point 2"),
    ],
)
def test_what_is_no_floor_is_refused(pixels: list[list[int]], height: float, sentence: str) -> None:
    with pytest.raises(PhotoError, match=sentence):
        floor_depths(np.array(pixels, dtype=float), INTRINSICS, height, np.array([0.0, 1.0, 0.0]))


@pytest.mark.parametrize("ends", [(2.0, 2.0), (3.0, 2.0), (0.0, 2.0), (1.0, np.inf)])
def test_nearest_and_farthest_are_two_distances(ends: tuple[float, float]) -> None:
    with pytest.raises(PhotoError, match="are not two distances"):
        ends_of(room(), *ends, near_is_high=False)


def test_what_lies_beyond_infinity_is_put_at_the_limit_and_told() -> None:
    """A sky's inverse depth is zero or a little less."""
    picture = np.concatenate([np.linspace(0.15, 0.5, 90), np.zeros(10)])
    fit = fit_depth(KnownPoints(np.array([0.2, 0.5]), np.array([10.0, 2.0])), "relative", picture)
    assert fit.law.metres(picture).max() == 1000.0
    assert limit_words(fit) == "10 % of the picture comes out beyond 1000 m and is put at 1000 m."
    assert DepthLaw(reciprocal=False, gives="depth", slope=1, offset=-1).metres(np.array([0.5])) == [0.1]


def test_a_picture_without_numbers_has_no_ends() -> None:
    with pytest.raises(PhotoError, match="none of its pixels holds a number"):
        ends_of(np.full((4, 4), np.nan), 1.0, 2.0, near_is_high=False)
    nearly_flat = np.full((40, 40), 0.5)
    nearly_flat[0, 0] = 0.9
    np.testing.assert_array_equal(ends_of(nearly_flat, 1.0, 2.0, near_is_high=False).numbers, [0.5, 0.9])


def test_a_floor_of_one_number_with_a_speck_follows_no_law() -> None:
    """No two of the points that are looked at first differ."""
    numbers = np.full(200, 0.5)
    numbers[1] = 0.9
    with pytest.raises(PhotoError, match="No law of the picture's numbers gives these distances"):
        fit_depth(KnownPoints(numbers, np.linspace(1, 2, 200)), "relative", np.linspace(0, 1, 101))


def test_metres_of_zero_have_no_inverse() -> None:
    fit = fit_depth(KnownPoints(np.array([0.0, 0.2, 0.5]), np.array([1.0, 1.4, 2.0])), "metric", np.linspace(0, 1, 101))
    assert not fit.law.reciprocal
    np.testing.assert_allclose(fit.law.metres(np.array([0.0, 1.0])), [1.0, 3.0])


def test_what_lies_behind_the_camera_is_put_before_it_and_told() -> None:
    picture = np.concatenate([np.linspace(0.3, 1, 980), np.full(20, 0.1)])
    points = KnownPoints(np.array([0.3, 1.0]), np.array([1.0, 9.0]))
    fit = fit_depth(points, "relative", picture, gives="depth")
    assert limit_words(fit) == "2.0 % comes out nearer than 0.1 m or behind the camera: put at 0.1 m."
    assert fit.law.limited_shares(np.full(3, np.nan)) == (0.0, 0.0)
