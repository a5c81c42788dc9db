"""What we write, we read back; the format is found by content."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from blender_addon.core.camera.formats import READERS, WRITERS, read_trajectory, write_trajectory
from blender_addon.core.camera.moves import move_trajectory
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError

FILES = {
    "realestate10k": "poses.txt",
    "colmap": "model",
    "colmap-binary": "model",
    "tum": "poses.tum",
    "transforms": "transforms.json",
    "chan": "camera.chan",
}
KEEPS_LENS = {"realestate10k", "colmap", "colmap-binary", "transforms"}
KEEPS_NAMES = {"colmap", "colmap-binary", "transforms"}
KEEPS_TIME = {"realestate10k", "tum"}


def random_trajectory(seed: int, frames: int, one_lens: bool) -> Trajectory:
    random = np.random.default_rng(seed)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, :3, :3] = Rotation.random(frames, random_state=seed).as_matrix()
    poses[:, :3, 3] = random.normal(0, 10, (frames, 3))
    focal = random.uniform(200, 2000, 1 if one_lens else frames)
    k = np.stack([intrinsics_matrix(f, f * 1.001, 300 + i, 200 - i) for i, f in enumerate(focal)])
    return Trajectory(poses, np.repeat(k, frames, axis=0) if one_lens else k, 640, 360, 25)


@pytest.mark.parametrize("name", FILES)
@given(seed=st.integers(0, 2**31), frames=st.integers(1, 12), one_lens=st.booleans())
def test_round_trip(name: str, seed: int, frames: int, one_lens: bool) -> None:
    wrote = random_trajectory(seed, frames, one_lens)
    names = [f"shot/frame_{index}.png" for index in range(frames)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILES[name]
        write_trajectory(path, wrote, name, names=names)
        read = read_trajectory(path, 640, 360, intrinsics=wrote.intrinsics[0])
    assert read.format == name.removesuffix("-binary")
    np.testing.assert_allclose(read.trajectory.camera_to_world, wrote.camera_to_world, atol=1e-9)
    assert (read.trajectory.width, read.trajectory.height) == (640, 360)
    if name in KEEPS_LENS:
        np.testing.assert_allclose(read.trajectory.intrinsics, wrote.intrinsics, rtol=1e-12)
    if name in KEEPS_NAMES:
        assert read.names == tuple(names)
    if name in KEEPS_TIME and frames > 1:
        assert read.trajectory.fps == pytest.approx(25)
        assert read.timestamps == pytest.approx(np.arange(frames) / 25, abs=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_a_move_survives_with_its_timestamps(name: str, tmp_path: Path) -> None:
    start = Trajectory(np.eye(4)[None], intrinsics_matrix(500, 500, 320, 180), 640, 360, 24)
    move = move_trajectory("orbit", start, {"angle": 300, "pivot": 2}, count=30)
    seconds = 100 + np.arange(30) / 12
    write_trajectory(tmp_path / FILES[name], move, name, timestamps=seconds)
    read = read_trajectory(tmp_path / FILES[name], 640, 360, 30, intrinsics=start.intrinsics[0])
    np.testing.assert_allclose(read.trajectory.camera_to_world, move.camera_to_world, atol=1e-9)
    np.testing.assert_allclose(read.trajectory.intrinsics, move.intrinsics, atol=1e-9)
    assert read.trajectory.fps == 30  # the caller's word counts
    assert not any("Suspected" in note for note in read.notes)


def test_chan_keeps_a_zoom_and_the_identity(tmp_path: Path) -> None:
    start = Trajectory(np.eye(4)[None], intrinsics_matrix(500, 500, 320, 180), 640, 360)
    zoom = move_trajectory("zoom", start, count=5)
    write_trajectory(tmp_path / "camera.chan", zoom)
    read = read_trajectory(tmp_path / "camera.chan", 640, 360)
    np.testing.assert_allclose(read.trajectory.intrinsics, zoom.intrinsics, atol=1e-9)
    first = (tmp_path / "camera.chan").read_text().splitlines()[0].split("\t")
    np.testing.assert_allclose([float(value) for value in first[:7]], (1, 0, 0, 0, 0, 0, 0), atol=1e-12)


@pytest.mark.parametrize("tilt", [90.0, -90.0, 89.9999])
def test_chan_survives_gimbal_lock(tilt: float, tmp_path: Path) -> None:
    start = Trajectory(np.eye(4)[None], intrinsics_matrix(500, 500, 320, 180), 640, 360)
    up = move_trajectory("tilt", start, {"angle": tilt}, count=2)
    write_trajectory(tmp_path / "camera.chan", up)
    read = read_trajectory(tmp_path / "camera.chan", 640, 360).trajectory
    np.testing.assert_allclose(read.camera_to_world, up.camera_to_world, atol=1e-7)


@pytest.mark.parametrize("ending", [".txt", ".json", ".chan", ".tum", ""])
def test_the_ending_chooses_the_format(ending: str, tmp_path: Path) -> None:
    wrote = random_trajectory(0, 3, True)
    write_trajectory(tmp_path / f"camera{ending}", wrote)
    read = read_trajectory(tmp_path / f"camera{ending}", 640, 360)
    np.testing.assert_allclose(read.trajectory.camera_to_world, wrote.camera_to_world, atol=1e-9)


@pytest.mark.parametrize("place", ["", "sparse/0", "sparse"])
def test_colmap_is_found_in_its_usual_folders(place: str, tmp_path: Path) -> None:
    write_trajectory(tmp_path / place, random_trajectory(1, 4, True), "colmap-binary")
    assert len(read_trajectory(tmp_path).trajectory) == 4
    assert len(read_trajectory(tmp_path / place / "images.bin").trajectory) == 4


def test_another_size_is_drawn(tmp_path: Path) -> None:
    wrote = random_trajectory(1, 2, True)
    write_trajectory(tmp_path / "model", wrote)
    half = read_trajectory(tmp_path / "model", 320, 180)
    np.testing.assert_allclose(half.trajectory.intrinsics[0, :2], wrote.intrinsics[0, :2] / 2)
    assert not half.notes
    square = read_trajectory(tmp_path / "model", 512, 512)
    assert "not square" in square.notes[0]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    wrote = random_trajectory(0, 3, True)
    with pytest.raises(CameraError, match=r"cannot be written: \.xyz.*realestate10k"):
        write_trajectory(tmp_path / "camera.xyz", wrote)
    with pytest.raises(CameraError, match="names do not fit the trajectory: 1 for 3"):
        write_trajectory(tmp_path / "model", wrote, names=["one"])
    with pytest.raises(CameraError, match="timestamps do not fit"):
        write_trajectory(tmp_path / "poses.tum", wrote, timestamps=[0.0])
    with pytest.raises(CameraError, match="No such file"):
        write_trajectory(tmp_path / "nowhere" / "poses.txt", wrote)
    assert set(WRITERS) <= set(READERS)
