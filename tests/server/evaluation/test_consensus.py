"""Several solves of one clip: which is reported, and that solves which disagree are told."""

from __future__ import annotations

import numpy as np

from blender_addon.core.camera.trajectory import inverse
from server.evaluation.consensus import consensus
from server.evaluation.solve import Trial
from server.reconstruction.camera_search import ASKED, Candidate, Found
from server.reconstruction.fit import Fit
from server.reconstruction.sparse import SparseModel
from tests.support.room_path import FRAMES, known_path

RIGHT = known_path().camera_to_world
WRONG = RIGHT[::-1]
MAPPER = "the incremental mapper"


def trial(seed: int, poses: np.ndarray | None, inliers: float = 0.8, start: str = MAPPER, **more: object) -> Trial:
    if poses is None:
        return Trial(seed, None, "No camera was found.")
    fit = Fit(1 - inliers, inliers, inliers, 4.0, np.full(FRAMES, 100))
    best = Candidate(start, inverse(poses), np.zeros((0, 3)), fit)
    empty = np.empty(0, np.int64)
    model = SparseModel(poses, np.zeros((0, 3)), empty, empty, np.empty((0, 2)), 0.3)
    return Trial(seed, model, "", 400, Found(best, **{"rival": None, "parallax": 10.0, **more}))


def test_the_solve_that_fits_best_is_reported_and_the_others_are_told() -> None:
    found = consensus([trial(0, WRONG, 0.65), trial(1, RIGHT, 0.81), trial(2, RIGHT, 0.82), trial(3, None)])
    assert found.reported == 2
    assert found.agrees == (False, True, True, False)
    (doubt,) = found.doubts
    assert doubt.startswith("1 of 3 solves found another camera")
    assert "explains 82%" in doubt
    assert "the other 65%" in doubt


def test_solves_that_agree_raise_no_doubt() -> None:
    assert consensus([trial(0, RIGHT), trial(1, RIGHT, 0.79)]).doubts == ()


def test_what_makes_a_single_solve_doubtful_is_told() -> None:
    (poor,) = consensus([trial(0, RIGHT, 0.3)]).doubts
    assert "explains only 30%" in poor
    (alone,) = consensus([trial(0, RIGHT, start=ASKED)]).doubts
    assert alone.startswith("Only a search that began at the camera asked for")
    rival = trial(0, WRONG).best
    (undecided,) = consensus([trial(0, RIGHT, rival=rival)]).doubts
    assert undecided.startswith("The pictures do not decide between two cameras")


def test_without_a_camera_none_is_reported() -> None:
    found = consensus([trial(0, None), trial(1, None)])
    assert (found.reported, found.agrees, found.doubts) == (None, (False, False), ())
