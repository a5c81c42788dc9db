"""Cameras found from tracks: whatever the search is told was asked for, the camera that the pictures show is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_addon.core.camera.trajectory import inverse
from server.reconstruction.camera_search import ASKED, STILL, Candidate, Search, best_of, rival_of
from server.reconstruction.fit import Fit
from server.reconstruction.path_difference import path_difference
from server.reconstruction.track_points import distances, triangulated
from server.reconstruction.tracks import Tracks, tracks_of_matches
from server.reconstruction.turning import turned
from tests.support.room_path import FRAMES, HEIGHT, WIDTH, known_path

pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")

PATH = known_path()
SIZE = (WIDTH, HEIGHT)


def seen_along(poses: np.ndarray, wrong: float = 0.2, noise: float = 0.2) -> Tracks:
    """400 points seen along a path: a share of the observations is wrong, the others are off by some pixels."""
    random = np.random.default_rng(3)
    points = random.uniform([-2.5, -1.5, 2.0], [2.5, 1.5, 7.0], (400, 3))
    frame, track = np.tile(np.arange(FRAMES), 400), np.repeat(np.arange(400), FRAMES)
    camera = inverse(poses)[frame]
    seen = np.einsum("mij,mj->mi", camera[:, :3, :3], points[track]) + camera[:, :3, 3]
    pixel = np.einsum("mij,mj->mi", PATH.intrinsics[frame], seen)
    pixel = pixel[:, :2] / pixel[:, 2:] + noise * random.standard_normal((len(frame), 2))
    lost = random.random(len(frame)) < wrong
    pixel[lost] = random.uniform(0, [WIDTH, HEIGHT], (int(lost.sum()), 2))
    inside = (pixel > 0).all(axis=1) & (pixel < [WIDTH, HEIGHT]).all(axis=1)
    return Tracks(frame, track, pixel, 400, FRAMES).only(inside)


def search_of(tracks: Tracks) -> Search:
    return Search(tracks, PATH.intrinsics, SIZE, seed=0)


@pytest.mark.parametrize("asked", ["the same", "backwards", "mirrored"])
def test_the_camera_that_the_pictures_show_is_found_whatever_was_asked_for(asked: str) -> None:
    true = PATH.camera_to_world
    mirrored = true.copy()
    mirrored[:, :3, 3] *= -1
    tracks = seen_along(true)
    wanted = {"the same": true, "backwards": true[::-1], "mirrored": mirrored}[asked]
    found = search_of(tracks).run(wanted, {}, {})
    assert found.best is not None
    difference = path_difference(inverse(found.best.poses), true)
    assert difference.degrees < 0.2
    assert difference.share < 0.02
    assert found.best.fit.inliers > 0.7
    assert found.rival is None


@pytest.mark.parametrize("turns", [False, True])
def test_a_camera_that_does_not_travel_is_not_taken_for_the_one_asked_for(turns: bool) -> None:
    """Points far enough away fit any travel: without parallax none is believed."""
    shown = PATH.camera_to_world.copy()
    shown[:, :3, 3] = 0.0
    if not turns:
        shown[:] = np.eye(4)
    found = search_of(seen_along(shown)).run(PATH.camera_to_world, {}, {})
    assert found.best is not None
    assert found.best.start == STILL
    assert np.allclose(found.best.poses[:, :3, 3], 0.0)
    assert path_difference(inverse(found.best.poses), shown).degrees < 0.1
    assert found.parallax < 0.7


def test_too_few_tracks_are_no_camera() -> None:
    tracks = seen_along(PATH.camera_to_world)
    few = tracks.only(tracks.track < 20)
    found = search_of(Tracks(few.frame, few.track, few.pixel, 20, FRAMES)).run(PATH.camera_to_world, {}, {})
    assert found.best is None


def test_where_the_pictures_do_not_decide_the_camera_asked_for_is_not_preferred() -> None:
    def candidate(start: str, error: float, poses: np.ndarray) -> Candidate:
        fit = Fit(error, 1 - error, 1 - error, 5.0, np.full(FRAMES, 100))
        return Candidate(start, inverse(poses), np.zeros((0, 3)), fit)

    backwards = PATH.camera_to_world[::-1]
    asked, free = candidate(ASKED, 0.20, PATH.camera_to_world), candidate("a mapper", 0.21, backwards)
    assert best_of([asked, free]) is free
    assert rival_of(free, [asked, free]) is asked
    clearly = replace(free, fit=replace(free.fit, error=0.40))
    assert best_of([asked, clearly]) is asked
    assert rival_of(asked, [asked, clearly]) is None


def test_points_come_back_from_tracks_of_which_some_observations_are_wrong() -> None:
    tracks = seen_along(PATH.camera_to_world, wrong=0.1, noise=0.0)
    poses = inverse(PATH.camera_to_world)
    miss, _ = distances(poses, triangulated(poses, PATH.intrinsics, tracks), PATH.intrinsics, tracks)
    assert (miss < 0.5).mean() > 0.8


def test_rotations_alone_are_found_from_tracks_of_a_camera_that_turns() -> None:
    poses = PATH.camera_to_world.copy()
    poses[:, :3, 3] = 0.0
    rotations, _ = turned(seen_along(poses, wrong=0.2), PATH.intrinsics)
    assert path_difference(inverse(rotations), poses).degrees < 0.1


def test_a_track_at_two_places_of_one_frame_is_left_out() -> None:
    pixels = [
        np.array([[1.0, 1.0], [5.0, 5.0]]),
        np.array([[2.0, 1.0], [6.0, 5.0], [9.0, 9.0]]),
        np.array([[3.0, 1.0]]),
    ]
    good = np.array([[0, 2], [2, 5]])
    tracks = tracks_of_matches(pixels, good)
    assert (tracks.count, tracks.frame.tolist()) == (1, [0, 1, 2])
    assert tracks.pixel.tolist() == [[1, 1], [2, 1], [3, 1]]
    twice = np.concatenate([good, [[4, 5]]])
    assert tracks_of_matches(pixels, twice).count == 0
    assert tracks_of_matches(pixels, np.empty((0, 2), np.int64)).count == 0


def test_thinned_tracks_are_whole_and_numbered_anew() -> None:
    tracks = seen_along(PATH.camera_to_world, wrong=0.0)
    thin = tracks.thinned(50, seed=1)
    assert 45 <= thin.count <= 50
    assert np.unique(thin.track).tolist() == list(range(thin.count))
    rows = {(frame, *pixel) for frame, pixel in zip(tracks.frame.tolist(), tracks.pixel.tolist(), strict=True)}
    assert all((f, *p) in rows for f, p in zip(thin.frame.tolist(), thin.pixel.tolist(), strict=True))
    assert tracks.thinned(400, seed=1) is tracks
