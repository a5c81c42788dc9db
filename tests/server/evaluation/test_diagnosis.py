"""What a wrong camera did, from poses alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.rotation import rotation_exp
from server.evaluation.diagnosis import delayed, diagnose, mirrored
from server.evaluation.merge import merged_errors
from server.evaluation.records import PublishedErrors
from tests.support.properties import examples


def path(frames: int = 16, pan: float = 0.2) -> np.ndarray:
    u = np.linspace(0, 1, frames)
    poses = np.repeat(np.eye(4)[None], frames, axis=0)
    poses[:, :3, :3] = rotation_exp(u[:, None] * [0.02, pan, 0.0])
    poses[:, :3, 3] = np.stack([0.5 * u, -0.1 * u**2, 0.8 * u**2], axis=1)
    return poses


def shaken(poses: np.ndarray, seed: int, noise: float = 0.003) -> np.ndarray:
    random = np.random.default_rng(seed)
    result = poses.copy()
    result[1:, :3, 3] += random.normal(0, noise, (len(poses) - 1, 3))
    return result


@examples(8)
@given(st.integers(0, 1000), st.sampled_from([0.5, 0.8, 1.0, 1.3, 2.0]), st.sampled_from([-3.0, 0.0, 1.5, 4.0]))
def test_scale_and_delay_are_told_apart(seed: int, scale: float, delay: float) -> None:
    achieved = delayed(path(), delay)
    achieved[:, :3, 3] *= scale
    found = diagnose(path(), shaken(achieved, seed), metric=True)
    assert found.scale == pytest.approx(scale, rel=0.02)
    assert found.delay == pytest.approx(delay, abs=0.25)
    assert found.mirror == ""
    assert found.misfit < 0.05


@pytest.mark.parametrize("mirror", ["left and right", "up and down", "forwards and backwards"])
def test_mirrors(mirror: str) -> None:
    found = diagnose(path(), mirrored(path(), mirror), metric=True)
    assert found.mirror == mirror
    assert found.misfit == pytest.approx(0.0, abs=1e-9)


def test_a_camera_that_follows_is_left_in_peace() -> None:
    found = diagnose(path(), shaken(path(), 3), metric=True)
    assert (found.scale, found.delay, found.mirror) == (1.0, 0.0, "")
    assert len(found.findings) == 1
    assert found.findings[0].startswith("The camera follows")


def test_a_camera_that_does_something_else_is_not_explained_away() -> None:
    random = np.random.default_rng(5)
    achieved = path()
    achieved[1:, :3, 3] = np.cumsum(random.normal(0, 0.15, (15, 3)), axis=0)
    found = diagnose(path(), achieved, metric=True)
    assert found.misfit > 0.2
    assert "differs from the asked move" in found.findings[-1]


def test_an_unknown_scale_is_not_reported() -> None:
    achieved = path()
    achieved[:, :3, 3] *= 7.0
    found = diagnose(path(), achieved, metric=False)
    assert found.scale == 1.0
    assert found.findings[0].startswith("The camera follows")


def test_frames_that_were_not_placed_do_not_count() -> None:
    achieved = path()
    achieved[:, :3, 3] *= 1.3
    achieved[[5, 9]] = np.nan
    assert diagnose(path(), achieved, metric=True).scale == pytest.approx(1.3)


def errors(rot: float, absolute: float | None = 1.0) -> PublishedErrors:
    return PublishedErrors(rot_err=rot, trans_err_rel=1, cam_mc_rel=1, trans_err_abs=absolute, cam_mc_abs=absolute)


def test_trials_are_averaged_without_outliers() -> None:
    # One of 200 can lie beyond 10 standard deviations; one of 3 cannot.
    merged = merged_errors([errors(1.0 + 0.001 * (i % 5)) for i in range(200)] + [errors(500.0)])
    assert merged is not None
    assert merged.rot_err == pytest.approx(1.002, abs=1e-3)
    few = merged_errors([errors(1.0), errors(1.0), errors(4.0)])
    assert few is not None
    assert few.rot_err == pytest.approx(2.0)


def test_a_trial_without_metres_leaves_the_mean_without() -> None:
    merged = merged_errors([errors(1.0), errors(3.0, None)])
    assert merged is not None
    assert merged.rot_err == pytest.approx(2.0)
    assert merged.trans_err_abs is None
    assert merged_errors([]) is None
