"""Camera files written by other people's programs."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.camera.formats import read_trajectory, write_trajectory
from blender_addon.core.camera.formats.pose_convention import inverted_pose_note
from blender_addon.core.camera.projection import project
from blender_addon.core.camera.rotation import rotation_log
from blender_addon.core.camera.trajectory import Trajectory, inverse
from blender_addon.core.errors import CameraError

RIGHT_FILES = (
    "re10k/cameractrl",
    "re10k/videox_fun",
    "re10k/motionctrl",
    "re10k/motionctrl_basic",
    "trajectories/tum_format_evo",
    "trajectories/bundler_pixelstruct",
)
RIGHT_PLACES = (
    "colmap/bible_yDing121/sparse_0_bin",
    "colmap/bible_yDing121/sparse_0_txt_converted",
    "colmap/arkit_metric_Abu2005G",
    "sequences/fox/transforms_360x640.json",
    "sequences/fox/transforms_original.json",
)


def test_files_that_are_right_are_not_suspected(shared_data: Path) -> None:
    places = [path for folder in RIGHT_FILES for path in sorted((shared_data / folder).iterdir())]
    places += [shared_data / place for place in RIGHT_PLACES]
    assert len(places) == 15 + 4 + 8 + 4 + 3 + 2 + 5
    for place in places:
        file = read_trajectory(place, 1280, 720)
        assert not [note for note in file.notes if "Suspected" in note], place


def test_frames_of_one_clip_share_their_poses(shared_data: Path) -> None:
    folder = shared_data / "re10k" / "cameractrl"
    for name in ("0bf152ef84195293", "2c80f9eb0d3b2bb4"):
        one = read_trajectory(folder / f"{name}.txt", 1280, 720)
        other = read_trajectory(folder / f"{name}_svdxt.txt", 1280, 720)
        assert one.timestamps is not None
        assert other.timestamps is not None
        both = [(i, int(np.argmin(np.abs(other.timestamps - t)))) for i, t in enumerate(one.timestamps)]
        both = [(i, j) for i, j in both if other.timestamps[j] == one.timestamps[i]]
        assert both
        for i, j in both:
            np.testing.assert_array_equal(one.trajectory.camera_to_world[i], other.trajectory.camera_to_world[j])
        fx, fy = one.trajectory.intrinsics[0, [0, 1], [0, 1]]
        assert fx == pytest.approx(fy, rel=0.001)  # normalised by 16:9, square in pixels


def test_files_without_url_and_time(shared_data: Path) -> None:
    file = read_trajectory(shared_data / "re10k" / "videox_fun" / "Pan_Left.txt", 1344, 768)
    assert len(file.trajectory) == 81
    assert file.timestamps is None
    assert file.notes == ("Every timestamp is 0: the frames are taken as evenly spaced, 24 a second.",)


def test_the_wrongly_converted_nuke_file_is_named_as_wrong(shared_data: Path) -> None:
    wrong = shared_data / "trajectories" / "nuke_asci_koolook" / "camTrack_v01_converted.txt"
    notes = read_trajectory(wrong, 1920, 1080).notes
    assert any(note.startswith("Suspected: camera-to-world matrices stand where world-to-camera") for note in notes)
    assert any("not square" in note for note in notes)
    assert any("no URL" in note for note in notes)
    assert any("Columns 6 and 7" in note for note in notes)


def test_nukes_own_angles(shared_data: Path, tmp_path: Path) -> None:
    """The same track, as Nuke's angles through .chan, is the rotation that the converter wrote: Ry Rx Rz."""
    folder = shared_data / "trajectories" / "nuke_asci_koolook"
    tx, rx, ty, ry, rz, tz = np.loadtxt(folder / "camTrack_v01.asci").T
    fov = np.degrees(2 * np.arctan(24 / 2 / 33.521))
    table = np.stack([np.arange(1, 162), tx, ty, tz, rx, ry, rz, np.full(161, fov)], axis=1)
    chan = tmp_path / "track.chan"
    chan.write_text("\n".join(" ".join(f"{value:.12g}" for value in row) for row in table))
    ours = read_trajectory(chan, 1920, 1280, 25).trajectory
    rows = np.loadtxt(folder / "camTrack_v01_converted.txt", skiprows=1)[:, 7:].reshape(-1, 3, 4)
    flip = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(flip @ ours.camera_to_world[:, :3, :3] @ flip, rows[:, :, :3], atol=1e-9)
    np.testing.assert_allclose(ours.centres @ flip, rows[:, :, 3], atol=1e-9)
    assert ours.intrinsics[0, 0, 0] == pytest.approx(33.521 / 36 * 1920)
    write_trajectory(tmp_path / "again.chan", ours)
    again = np.loadtxt(tmp_path / "again.chan")
    np.testing.assert_allclose(again, table, atol=1e-6)


def test_colmap_binary_and_text_agree(shared_data: Path) -> None:
    folder = shared_data / "colmap" / "bible_yDing121"
    binary, text = read_trajectory(folder / "sparse_0_bin"), read_trajectory(folder / "sparse_0_txt_converted")
    assert binary.names == text.names == tuple(f"frame_{i:04d}.jpg" for i in (0, 5, 9, 13, 19, 25, 33))
    np.testing.assert_allclose(binary.trajectory.camera_to_world, text.trajectory.camera_to_world, atol=1e-12)
    np.testing.assert_allclose(binary.trajectory.intrinsics, text.trajectory.intrinsics, atol=1e-9)
    assert any("distorted" in note for note in binary.notes)


def test_colmaps_points_land_where_they_were_seen(shared_data: Path) -> None:
    """COLMAP's own 3D points and observations: the median is within its reprojection error and the lens distortion."""
    folder = shared_data / "colmap" / "bible_yDing121" / "sparse_0_txt_converted"
    file = read_trajectory(folder)
    points = {
        int(fields[0]): [float(value) for value in fields[1:4]]
        for fields in (line.split() for line in (folder / "points3D.txt").read_text().splitlines())
        if fields[0] != "#"
    }
    lines = [line for line in (folder / "images.txt").read_text().splitlines() if not line.startswith("#")]
    misses = []
    for image, observations in zip(lines[::2], lines[1::2], strict=True):
        index = file.names.index(image.split()[9])
        seen = np.array(observations.split(), dtype=float).reshape(-1, 3)
        seen = seen[seen[:, 2] >= 0]
        where, depth = project(
            np.array([points[int(key)] for key in seen[:, 2]]),
            file.trajectory.intrinsics[index],
            file.trajectory.camera_to_world[index],
        )
        assert (depth > 0).all()
        misses.append(np.linalg.norm(where - seen[:, :2], axis=1))
    assert np.median(np.concatenate(misses)) < 3


def test_colmap_by_a_third_party(shared_data: Path) -> None:
    file = read_trajectory(shared_data / "colmap" / "arkit_metric_Abu2005G")
    assert len(file.names) == 20
    assert (file.trajectory.width, file.trajectory.height) == (3840, 2160)
    np.testing.assert_allclose(file.trajectory.camera_to_world[0], np.eye(4), atol=1e-12)
    small = read_trajectory(shared_data / "colmap" / "arkit_metric_Abu2005G", 1280, 720)
    assert small.trajectory.intrinsics[0, 0, 0] == pytest.approx(2567.9902 / 3)


def test_fox_looks_at_the_fox(shared_data: Path) -> None:
    folder = shared_data / "sequences" / "fox"
    small = read_trajectory(folder / "transforms_360x640.json")
    assert small.missing == ()
    assert (small.trajectory.width, small.trajectory.height) == (360, 640)
    original = read_trajectory(folder / "transforms_original.json")
    assert len(original.missing) == 17
    assert any("17 of 67 pictures" in note for note in original.notes)
    # Every camera has the fox in front of it: the point nearest to all optical axes.
    centres, axes = small.trajectory.centres, small.trajectory.camera_to_world[:, :3, 2]
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    fox = np.linalg.solve(across.sum(0), (across @ centres[:, :, None]).sum(0)[:, 0])
    assert (((fox - centres) * axes).sum(1) > 0).all()


def test_redkitchens_rotations_good_to_four_digits(shared_data: Path, tmp_path: Path) -> None:
    """7-Scenes' pose matrices, which a strict check would refuse, as transforms.json and TUM."""
    files = sorted((shared_data / "sequences" / "sevenscenes_redkitchen").glob("*.pose.txt"))
    poses = np.stack([np.loadtxt(file) for file in files])
    rounding = np.abs(poses[:, :3, :3] @ np.swapaxes(poses[:, :3, :3], 1, 2) - np.eye(3)).max()
    assert rounding > 1e-5
    frames = [{"transform_matrix": (pose @ np.diag([1, -1, -1, 1])).tolist()} for pose in poses]
    document = {"w": 640, "h": 480, "fl_x": 585, "frames": frames}
    (tmp_path / "transforms.json").write_text(json.dumps(document))
    path = read_trajectory(tmp_path / "transforms.json").trajectory
    np.testing.assert_allclose(path.camera_to_world, poses, atol=3e-4)
    write_trajectory(tmp_path / "poses.tum", path)
    again = read_trajectory(tmp_path / "poses.tum", 640, 480).trajectory
    np.testing.assert_allclose(again.camera_to_world, path.camera_to_world, atol=1e-12)


def aligned_rmse(estimate: Trajectory, truth: Trajectory, pairs: np.ndarray) -> float:
    """RMSE of the matched centres after the best rigid alignment (Kabsch), metres."""
    a, b = estimate.centres[pairs[:, 0]], truth.centres[pairs[:, 1]]
    u, _, vt = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
    rotation = (u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt).T
    misses = (a - a.mean(0)) @ rotation.T - (b - b.mean(0))
    return float(np.sqrt((misses**2).sum(1).mean()))


def test_tum_as_evo_measures_it(shared_data: Path) -> None:
    folder = shared_data / "trajectories" / "tum_format_evo"
    truth = read_trajectory(folder / "freiburg1_xyz-groundtruth.txt", 640, 480)
    slam = read_trajectory(folder / "freiburg1_xyz-rgbdslam.txt", 640, 480)
    assert truth.timestamps is not None
    assert slam.timestamps is not None
    assert truth.trajectory.fps == pytest.approx(100, rel=0.01)
    nearest = np.abs(truth.timestamps[None] - slam.timestamps[:, None]).argmin(axis=1)
    close = np.abs(truth.timestamps[nearest] - slam.timestamps) <= 0.01
    pairs = np.stack([np.flatnonzero(close), nearest[close]], axis=1)
    assert len(pairs) == 785
    assert aligned_rmse(slam.trajectory, truth.trajectory, pairs) == pytest.approx(0.01347, abs=2e-5)


def test_a_world_to_camera_tum_file_is_suspected(shared_data: Path) -> None:
    truth = read_trajectory(shared_data / "trajectories" / "tum_format_evo" / "freiburg1_xyz-groundtruth.txt", 640, 480)
    wrong = inverse(truth.trajectory.camera_to_world)
    assert "Suspected: world-to-camera matrices" in inverted_pose_note(wrong, "camera-to-world")


def test_motionctrl_starts_at_its_first_frame(shared_data: Path) -> None:
    for path in sorted((shared_data / "re10k" / "motionctrl").iterdir()):
        file = read_trajectory(path, 640, 360)
        assert len(file.trajectory) == 16
        np.testing.assert_allclose(file.trajectory.camera_to_world[0], np.eye(4), atol=1e-6)
    roll = read_trajectory(shared_data / "re10k" / "motionctrl_basic" / "test_camera_SPIN-CW-60.json", 640, 360)
    turns = rotation_log(roll.trajectory.camera_to_world[:, :3, :3])
    assert np.degrees(np.abs(turns[-1])) == pytest.approx((0, 0, 60), abs=5)


def test_bundler_leaves_unsolved_cameras_out(shared_data: Path) -> None:
    path = shared_data / "trajectories" / "bundler_pixelstruct" / "bundle.out"
    file = read_trajectory(path, 800, 600)
    assert len(file.trajectory) == 9
    assert len(file.missing) == 2
    # Bundler's points are in front of the cameras that see them, and project to where they were seen.
    lines = path.read_text().splitlines()[2:]
    points = lines[11 * 5 :]
    misses = []
    for position, _, views in zip(points[::3], points[1::3], points[2::3], strict=True):
        where = np.array([position.split()], dtype=float)
        seen = np.array(views.split()[1:], dtype=float).reshape(-1, 4)
        for camera, _, x, y in seen:
            index = file.names.index(f"camera {int(camera)}")
            pixel, depth = project(where, file.trajectory.intrinsics[index], file.trajectory.camera_to_world[index])
            assert depth[0] > 0
            misses.append(np.hypot(pixel[0, 0] - 400 - x, pixel[0, 1] - 300 + y))
    assert np.median(misses) < 3


def vanishing_point(state: dict[str, object], width: int, height: int) -> np.ndarray:
    """Pixel where the two lines that the artist drew along the first axis meet; fSpy stores them as parts, y down."""
    lines = state["controlPointsStateBase"]["firstVanishingPoint"]["lineSegments"]  # type: ignore[index]
    through = [np.cross(*([point["x"] * width, point["y"] * height, 1.0] for point in line)) for line in lines]
    meet = np.cross(*through)
    return np.asarray(meet[:2] / meet[2])


def test_fspys_axis_runs_to_its_vanishing_point(shared_data: Path) -> None:
    path = shared_data / "trajectories" / "fspy" / "shifted_landscape.fspy"
    data = path.read_bytes()
    state = json.loads(data[16 : 16 + struct.unpack_from("<I", data, 8)[0]])
    file = read_trajectory(path)
    trajectory = file.trajectory
    assert len(trajectory) == 1
    k, pose = trajectory.intrinsics[0], trajectory.camera_to_world[0]
    drawn = vanishing_point(state, trajectory.width, trajectory.height)
    far = [project(np.eye(3)[axis : axis + 1] * 1e9, k, pose)[0][0] for axis in range(3)]
    assert min(np.linalg.norm(point - drawn) for point in far) < 1
    expected = state["cameraParameters"]["horizontalFieldOfView"]
    assert 2 * np.arctan(trajectory.width / 2 / k[0, 0]) == pytest.approx(expected)


def test_lyras_arrays(shared_data: Path) -> None:
    file = read_trajectory(shared_data / "trajectories" / "lyra_npz" / "example_0_trajectory.npz")
    assert (file.format, len(file.trajectory)) == ("camera-info", 500)
    assert (file.trajectory.width, file.trajectory.height) == (1280, 720)
    np.testing.assert_allclose(file.trajectory.intrinsics[0, [0, 1], [0, 1]], (821.643, 821.751), atol=1e-3)
    np.testing.assert_allclose(file.trajectory.camera_to_world[0], np.eye(4), atol=2e-4)
    assert not file.notes


def test_fspys_export_and_its_refusals(shared_data: Path) -> None:
    folder = shared_data / "trajectories" / "fspy"
    assert read_trajectory(folder / "json_export.json").format == "fspy"
    for name in ("no_camera_parameters.fspy", "pp problem.fspy"):
        with pytest.raises(CameraError, match="Place the vanishing lines"):
            read_trajectory(folder / name)


def test_natural_order_of_the_bible(shared_data: Path) -> None:
    names = read_trajectory(shared_data / "colmap" / "bible_yDing121" / "sparse_0_bin").names
    assert all(a < b for a, b in pairwise(names))
