"""Features and matches in a COLMAP database, with the cameras they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from server.evaluation.synthetic_room import film_room
from server.reconstruction.matching import FrameFolder, extract, match, verify, write_frames
from server.reconstruction.triangulate import triangulate

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")


@pytest.fixture(scope="module")
def zoom() -> Trajectory:
    """Three frames of a camera that moves sideways while it zooms in."""
    poses = np.repeat(np.eye(4)[None], 3, axis=0)
    poses[:, 0, 3] = [0.0, 0.12, 0.24]
    lenses = np.stack([intrinsics_matrix(focal, focal, 120, 75) for focal in (180.0, 200.0, 220.0)])
    return Trajectory(poses, lenses, 240, 150)


def test_every_frame_of_a_zoom_keeps_its_lens(zoom: Trajectory, tmp_path: Path) -> None:
    frames, _ = film_room(zoom)
    folder = FrameFolder(tmp_path, write_frames(frames, tmp_path), zoom.intrinsics, 240, 150)
    unstopped = pycolmap.CancellationToken()
    extract(folder, tmp_path / "database.db", 500, unstopped)
    match(tmp_path / "database.db", 3, unstopped)
    verify(tmp_path / "database.db", seed=0, token=unstopped)
    with pycolmap.Database.open(tmp_path / "database.db") as opened:
        images = sorted(opened.read_all_images(), key=lambda image: image.name)
        cameras = [opened.read_camera(image.camera_id) for image in images]
        assert [camera.model_name for camera in cameras] == ["PINHOLE"] * 3
        assert [camera.params[0] for camera in cameras] == pytest.approx([180.0, 200.0, 220.0])
        assert opened.num_verified_image_pairs() == 3


def test_points_of_a_zoom_lie_where_the_room_is(zoom: Trajectory, tmp_path: Path) -> None:
    """Triangulated with the wrong lens for two of the frames, they would be off by tens of per cent."""
    frames, depth = film_room(zoom)
    model = triangulate(tmp_path, write_frames(frames, tmp_path), zoom)
    mine = model.frame == 0
    column, row = model.pixel[mine].astype(int).T
    ratio = depth[0][row, column] / model.depths()[mine]
    assert mine.sum() > 50
    assert np.median(ratio) == pytest.approx(1.0, abs=0.01)
    assert (np.abs(ratio - 1) < 0.05).mean() > 0.9
