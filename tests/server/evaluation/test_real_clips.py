"""Cameras solved again from pictures whose cameras other people solved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.camera.formats.dispatch import read_trajectory
from blender_addon.core.camera.trajectory import Trajectory
from server.datasets.clip_frames import read_pictures
from server.datasets.posed_clip import open_posed_clip
from server.evaluation.metrics import camera_errors, relative_to_first, rotation_angles
from server.evaluation.solve import solve_clip
from tests.server.published.alignment import align_points

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")

from tests.support.colmap_models import read_model  # noqa: E402


def relative_rotations(poses: np.ndarray) -> np.ndarray:
    """[F - 1, 3, 3] from each picture to the next."""
    return np.swapaxes(poses[:-1, :3, :3], 1, 2) @ poses[1:, :3, :3]


def test_a_phone_video_is_solved_as_its_authors_did(shared_data: Path) -> None:
    folder = shared_data / "colmap/bible_yDing121"
    model = read_model(folder / "sparse_0_bin")
    frames = read_pictures(tuple(folder / "images_640" / name for name in model.names))
    theirs = model.trajectory.resized(640, 360)
    (trial,) = solve_clip(frames, theirs, trials=1)
    assert trial.model is not None
    ours = trial.model.camera_to_world[trial.model.placed]
    # Their model has lens distortion, which a pinhole leaves in the poses.
    assert trial.model.placed.sum() >= 6
    known = theirs.camera_to_world[trial.model.placed]
    turn = rotation_angles(np.swapaxes(relative_rotations(ours), 1, 2) @ relative_rotations(known))
    assert np.degrees(turn).max() < 1.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_fox_is_solved_as_its_authors_did(shared_data: Path) -> None:
    fox = shared_data / "sequences/fox"
    clip = open_posed_clip(fox, fox / "transforms_360x640.json")
    frames = read_pictures(clip.files)
    (trial,) = solve_clip(frames, clip.trajectory, trials=1)
    assert trial.model is not None
    assert trial.model.placed.sum() >= 48
    placed = trial.model.placed
    ours, theirs = trial.model.camera_to_world[placed], clip.trajectory.camera_to_world[placed]
    aligned = align_points(ours[:, :3, 3], theirs[:, :3, 3]).poses(ours)
    extent = np.ptp(theirs[:, :3, 3], axis=0).max()
    miss = np.linalg.norm(aligned[:, :3, 3] - theirs[:, :3, 3], axis=1)
    turn = np.degrees(rotation_angles(np.swapaxes(theirs[:, :3, :3], 1, 2) @ aligned[:, :3, :3]))
    print(
        f"fox: centres median {np.median(miss):.4f}, max {miss.max():.4f} of extent {extent:.1f}; "
        f"rotation median {np.median(turn):.3f}, max {turn.max():.3f} degrees"
    )
    # The data's own check: centres to 0.016 of an extent of 9.9, rotations to 0.06 degrees in the middle.
    assert miss.max() < 0.005 * extent
    assert np.median(turn) < 0.3


def clip_of_case_20(shared_data: Path, every: int) -> tuple[np.ndarray, Trajectory]:
    """Frames of a RealEstate10K clip at 512 pixels across, and the data set's own camera."""
    folder = next((shared_data.parent / "cases").glob("20-*"), None)
    if folder is None:
        pytest.skip("the frames of case 20 (a RealEstate10K clip) are not beside the test data")
    files = sorted((folder / "frames").glob("*.jpg"))[::every]
    frames = np.stack([np.asarray(Image.open(file).resize((512, 288), Image.Resampling.LANCZOS)) for file in files])
    camera = read_trajectory(folder / "camera.txt", 512, 288).trajectory
    return frames, replace(
        camera, camera_to_world=camera.camera_to_world[::every], intrinsics=camera.intrinsics[::every]
    )


@pytest.mark.parametrize(
    ("every", "trials", "asked"),
    [
        (2, 1, "its own"),
        (2, 1, "backwards"),
        pytest.param(1, 5, "its own", marks=pytest.mark.slow),
        pytest.param(1, 5, "backwards", marks=pytest.mark.slow),
    ],
)
def test_every_seed_finds_the_camera_of_a_real_clip(shared_data: Path, every: int, trials: int, asked: str) -> None:
    """Case 20: seeds ended in a wrong minimum, with small reprojection errors. What is asked for must not matter."""
    frames, camera = clip_of_case_20(shared_data, every)
    true = relative_to_first(camera.camera_to_world)
    order = slice(None, None, -1 if asked == "backwards" else 1)
    for trial in solve_clip(frames, replace(camera, camera_to_world=camera.camera_to_world[order]), trials):
        assert trial.complete
        assert trial.model is not None
        errors = camera_errors(true, relative_to_first(trial.model.camera_to_world))
        assert errors.rot_err < 0.15
        assert errors.trans_err_rel < 0.3
