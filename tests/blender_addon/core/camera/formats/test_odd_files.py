"""Oddities of camera files: survived, or named in a sentence with the file and the line."""

from __future__ import annotations

import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.formats import READERS, read_trajectory, write_trajectory
from blender_addon.core.camera.formats.pose_convention import inverted_pose_note
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.rotation import axis_rotation
from blender_addon.core.camera.trajectory import Trajectory, inverse
from blender_addon.core.errors import CameraError

IDENTITY = "1 0 0 0 0 1 0 0 0 0 1 0"
LINE = f"40000 0.5 0.8889 0.5 0.5 0 0 {IDENTITY}"
FRAME = {"file_path": "a.png", "transform_matrix": np.eye(4).tolist()}


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_re10k_without_url_and_with_zero_timestamps(tmp_path: Path) -> None:
    zero = LINE.replace("40000", "0")
    file = read_trajectory(written(tmp_path, "poses.txt", f"\n{zero}\n{zero}\n"), 640, 360)
    assert len(file.trajectory) == 2
    assert file.timestamps is None
    assert file.notes == ("Every timestamp is 0: the frames are taken as evenly spaced, 24 a second.",)
    assert file.trajectory.fps == 24
    np.testing.assert_allclose(file.trajectory.intrinsics[0], intrinsics_matrix(320, 320, 320, 180), atol=0.01)


def test_re10k_with_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_bytes(f"\ufeffhttps://example.org/x\r\n{LINE}\r\n{LINE.replace('40000', '80000')}\r\n".encode())
    file = read_trajectory(path, 640, 360)
    assert file.notes == ()
    assert file.trajectory.fps == pytest.approx(25)
    assert file.timestamps == pytest.approx([0.04, 0.08])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://example.org/x\n", r"poses\.txt: This is no camera file"),
        ("", "it is empty"),
        (f"{LINE}\n{LINE} 1\n", "line 2 has 20, expected 19"),
        (f"{LINE}\n{LINE.replace('0.5', 'half')}\n", "line 2: could not convert string to float: 'half'"),
        (f"{LINE}\n{LINE.replace('0.5', 'nan')}\n", "not a finite number: line 2"),
        (LINE.replace("0.5 0.8889", "320 320"), "not normalised: found 320"),
        (LINE.replace("0.5 0.8889", "0 0"), "focal length is not positive"),
        (LINE.replace(IDENTITY, "1 0 0 0 0 1 0 0 0 0 -1 0"), r"mirrored: frame 0 has determinant -1\.000"),
        (LINE.replace(IDENTITY, "2 0 0 0 0 2 0 0 0 0 2 0"), "not a rigid motion"),
    ],
)
def test_broken_re10k(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=message):
        read_trajectory(written(tmp_path, "poses.txt", text), 640, 360)


def test_rotations_good_to_four_digits_are_survived(tmp_path: Path) -> None:
    rough = LINE.replace("1 0 0 0", "1.0001 0.0001 0 0")
    file = read_trajectory(written(tmp_path, "poses.txt", rough), 640, 360)
    np.testing.assert_allclose(np.linalg.det(file.trajectory.camera_to_world[:, :3, :3]), 1, atol=1e-12)


def test_the_size_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"size of the picture is not known.*Give width and height"):
        read_trajectory(written(tmp_path, "poses.txt", LINE))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 1 2 3 0 0 0 0", "line 2: its length is 0"),
        ("0 1 2 3 0 0 0 1.5", "line 2: its length is 1.5"),
        ("0 1 2 3 0 0 inf 1", "line 2"),
    ],
)
def test_broken_tum(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=message):
        read_trajectory(written(tmp_path, "poses.txt", f"# comment\n{line}\n"), 640, 360)


def test_tum_without_order(tmp_path: Path) -> None:
    path = written(tmp_path, "poses.txt", "2,1,2,3,0,0,0,1\n1,1,2,3,0,0,0,0.9999\n")
    file = read_trajectory(path, 640, 360)
    assert file.timestamps is None
    assert "55 degrees" in file.notes[0]
    assert "do not increase" in file.notes[1]
    np.testing.assert_allclose(file.trajectory.centres[0], (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0 0 0 0 0\n", "has 6 values, expected 7 or 8"),
        ("1 0 0 0 0 0 0 180\n", "between 0 and 180"),
        ("2 0 0 0 0 0 0\n1 0 0 0 0 0 0\n", "do not increase"),
    ],
)
def test_broken_chan(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=message):
        read_trajectory(written(tmp_path, "camera.chan", text), 640, 360)


def test_chan_with_frames_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "camera.chan", "1 0 0 0 0 0 0\n2 0 0 0 0 0 0\n9 0 0 0 0 0 0\n")
    assert any("left out" in note for note in read_trajectory(path, 640, 360).notes)


COLMAP_CAMERAS = "# comment\n1 PINHOLE 640 360 500 500 320 180\n2 PINHOLE 1280 720 1000 1000 640 360\n"
COLMAP_IMAGES = "7 1 0 0 0 1 2 3 1 frame_10.png\n1 2 -1 3 4 5\n8 1 0 0 0 4 5 6 2 frame 9.png\n\n"


@pytest.mark.parametrize("drop_points", [False, True])
def test_colmap_text(drop_points: bool, tmp_path: Path) -> None:
    """Two sizes of one aspect, points lines full, empty or left out, a blank in a name, ids out of order."""
    images = COLMAP_IMAGES.replace("1 2 -1 3 4 5\n", "").replace("\n\n", "\n") if drop_points else COLMAP_IMAGES
    written(tmp_path, "cameras.txt", COLMAP_CAMERAS)
    written(tmp_path, "images.txt", images)
    file = read_trajectory(tmp_path)
    assert file.names == ("frame 9.png", "frame_10.png")
    np.testing.assert_allclose(file.trajectory.centres, [(-4, -5, -6), (-1, -2, -3)])
    np.testing.assert_allclose(file.trajectory.intrinsics[0], file.trajectory.intrinsics[1])
    assert file.trajectory.width == 1280


@pytest.mark.parametrize(
    ("cameras", "images", "message"),
    [
        (COLMAP_CAMERAS, "1 1 0 0 0 1 2 3 9 a.png\n", "camera that is not there: a.png: camera 9"),
        (COLMAP_CAMERAS, "1 1 0 0 0 1 2 3\n", "line 1 has 8 values"),
        (COLMAP_CAMERAS, "# nothing\n", "no registered picture"),
        (COLMAP_CAMERAS, "1 0 0 0 0 1 2 3 1 a.png\n", "its length is 0"),
        ("1 PINHOLE 640 360 500\n", COLMAP_IMAGES, "PINHOLE has 1, expected 4"),
        ("1 PINHOLE\n", COLMAP_IMAGES, "short line"),
        ("1 PINHOLE 0 360 500 500 320 180\n", COLMAP_IMAGES, "A camera has no size: line 1: 0 x 360"),
        ("1 OPENCV_FISHEYE 640 360 500 500 320 180 0 0 0 0\n", "1 1 0 0 0 1 2 3 1 a.png\n", "no pinhole"),
        (COLMAP_CAMERAS.replace("1280 720", "720 1280"), COLMAP_IMAGES, "different aspects"),
    ],
)
def test_broken_colmap_text(cameras: str, images: str, message: str, tmp_path: Path) -> None:
    written(tmp_path, "cameras.txt", cameras)
    written(tmp_path, "images.txt", images)
    with pytest.raises(CameraError, match=message):
        read_trajectory(tmp_path)


def still(count: int = 3) -> Trajectory:
    return Trajectory(np.tile(np.eye(4), (count, 1, 1)), intrinsics_matrix(500, 500, 320, 180), 640, 360)


@given(st.data())
def test_truncated_colmap_binary(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_trajectory(Path(folder), still(), "colmap-binary")
        for name in ("images.bin", "cameras.bin"):
            whole = (Path(folder) / name).read_bytes()
            (Path(folder) / name).write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
            with pytest.raises(CameraError, match="ends too early"):
                read_trajectory(folder)
            (Path(folder) / name).write_bytes(whole)


def test_transforms_with_missing_pictures(tmp_path: Path) -> None:
    document = {"w": 640, "h": 360, "fl_x": 500, "k1": 0.1, "frames": [FRAME, {**FRAME, "file_path": "b"}]}
    path = written(tmp_path, "transforms.json", json.dumps(document))
    written(tmp_path, "b.png", "")
    file = read_trajectory(tmp_path)
    assert file.missing == ("a.png",)
    assert file.names == ("a.png", "b")
    assert any("1 of 2 pictures are not where the file says" in note for note in file.notes)
    assert any("distorted" in note for note in file.notes)
    np.testing.assert_allclose(file.trajectory.camera_to_world[0], np.diag([1, -1, -1, 1]))
    assert read_trajectory(path).format == "transforms"


def test_transforms_with_an_angle_only(tmp_path: Path) -> None:
    path = written(tmp_path, "transforms.json", json.dumps({"camera_angle_x": np.pi / 2, "frames": [FRAME]}))
    file = read_trajectory(path, 640, 360)
    np.testing.assert_allclose(file.trajectory.intrinsics[0], intrinsics_matrix(320, 320, 320, 180))
    with pytest.raises(CameraError, match="size of the picture is not known"):
        read_trajectory(path)


def mirrored_frame() -> dict[str, object]:
    return {"transform_matrix": np.diag([1.0, 1, -1, 1]).tolist()}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, 'no list "frames"'),
        ({"frames": []}, 'no list "frames"'),
        ({"frames": [1]}, 'no list "frames"'),
        ({"frames": [{}]}, "frame 0: transform_matrix is missing"),
        ({"frames": [{"transform_matrix": [[1, 2], [3]]}]}, "is missing or is not numbers"),
        ({"frames": [{"transform_matrix": [1, 2]}]}, r"\[2\], expected"),
        ({"frames": [FRAME], "fl_x": "500"}, "fl_x is not a number: '500'"),
        ({"frames": [FRAME]}, "neither fl_x nor camera_angle_x"),
        ({"frames": [mirrored_frame()], "fl_x": 500}, "mirrored"),
        ({"frames": [FRAME], "fl_x": 500, "camera_model": "OPENCV_FISHEYE"}, "no pinhole"),
    ],
)
def test_broken_transforms(document: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=message):
        read_trajectory(written(tmp_path, "transforms.json", json.dumps(document)), 640, 360)


def test_broken_json(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"poses\.json: The file is no valid JSON: line 2"):
        read_trajectory(written(tmp_path, "poses.json", '{\n"frames": '), 640, 360)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"camera_path": []}, 'no list "camera_path"'),
        ({"camera_path": [{"fov": 50}]}, "camera 0: camera_to_world is missing"),
        ({"camera_path": [{"camera_to_world": [1] * 9, "fov": 50}]}, r"\[9\], expected"),
        ({"camera_path": [{"camera_to_world": np.eye(4).tolist(), "fov": 180}]}, "between 0 and 180 degrees: camera 0"),
        ([{"file_path": "a.png"}], r"a\.png: transform is missing"),
        ({"w2c": [], "imH": 1}, "expected"),
        ({"frames": [{**FRAME, "intrinsic_matrix": [1]}]}, r"intrinsic_matrix is \[1\]"),
        ({"frames": [{**FRAME, "intrinsic_matrix": "k"}]}, "intrinsics are not numbers"),
        ({"w": 0, "h": 0, "fl_x": 1, "frames": [FRAME]}, r"no area: a\.png: 0 x 0"),
    ],
)
def test_broken_files_of_nerfstudio_and_ac3d(document: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=message):
        read_trajectory(written(tmp_path, "cameras.json", json.dumps(document)), 64, 36)


@pytest.mark.parametrize("text", ["[[1, 2]]", "[1]", '["a"]', "[[1], [2, 3]]"])
def test_broken_motionctrl(text: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no list of poses"):
        read_trajectory(written(tmp_path, "poses.json", text), 640, 360)


def fspy_project(state: dict[str, object], version: int = 1) -> bytes:
    packed = json.dumps(state).encode()
    return struct.pack("<IIII", 2037412710, version, len(packed), 3) + packed + b"jpg"


FSPY_CAMERA = {
    "imageWidth": 300,
    "imageHeight": 200,
    "relativeFocalLength": 2.0,
    "principalPoint": {"x": 0.5, "y": 0.1},
    "cameraTransform": {"rows": np.eye(4).tolist()},
}


def test_fspy_project(tmp_path: Path) -> None:
    path = tmp_path / "photo.fspy"
    path.write_bytes(fspy_project({"cameraParameters": FSPY_CAMERA}))
    file = read_trajectory(path)
    assert (file.format, file.trajectory.width, file.trajectory.height) == ("fspy", 300, 200)
    np.testing.assert_allclose(file.trajectory.intrinsics[0], intrinsics_matrix(300, 300, 225, 85))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (fspy_project({"cameraParameters": None}), r"no cameraParameters.*Place the vanishing lines"),
        (fspy_project({"cameraParameters": {**FSPY_CAMERA, "imageWidth": None}}), "incomplete"),
        (fspy_project({"cameraParameters": {"imageWidth": 3}}), "'imageHeight' is missing"),
        (fspy_project({}, version=2), "version 2, expected 1"),
        (fspy_project({"a": 1})[:20], "no valid JSON"),
        (fspy_project({})[:10], "ends too early"),
    ],
)
def test_broken_fspy(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.fspy"
    path.write_bytes(data)
    with pytest.raises(CameraError, match=message):
        read_trajectory(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Bundle file v0.3\n1 0\n500 0 0\n", "1 cameras announced, 0 there"),
        ("# Bundle file v0.3\n1 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n", "no solved camera"),
        ("# Bundle file v0.3\n", "empty"),
        ("# Bundle file v0.3\n0 0\n", "it announces 0"),
    ],
)
def test_broken_bundler(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=message):
        read_trajectory(written(tmp_path, "bundle.out", text), 640, 360)


def test_what_is_no_camera_file(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"gone\.txt cannot be read: No such file"):
        read_trajectory(tmp_path / "gone.txt")
    with pytest.raises(CameraError, match="holds no camera file"):
        read_trajectory(tmp_path)
    with pytest.raises(CameraError, match=r"3 values\. It reads RealEstate10K"):
        read_trajectory(written(tmp_path, "points.txt", "1 2 3\n"), 640, 360)
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(CameraError, match="not text"):
        read_trajectory(tmp_path / "photo.png", 640, 360)
    with pytest.raises(CameraError, match="no such camera format: alembic"):
        read_trajectory(tmp_path / "photo.png", format="alembic")


@pytest.mark.parametrize("name", [name for name in READERS if not name.startswith("colmap")])
@given(content=st.binary(max_size=200) | st.text(alphabet='0123456789.- \n#{}[]",:e', max_size=200).map(str.encode))
def test_any_bytes_are_a_trajectory_or_a_sentence(name: str, content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        try:
            assert len(read_trajectory(file.name, 64, 36, format=name).trajectory) > 0
        except CameraError as error:
            assert error.sentence.endswith((".", "?", "!"))  # noqa: PT017


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "y", "rows"]), inner, max_size=3),
    max_leaves=12,
)
KEYS = ["w", "h", "fl_x", "fl_y", "cx", "k1", "camera_angle_x", "camera_model"]


@given(document=st.dictionaries(st.sampled_from(KEYS), json_values), matrix=json_values, name=json_values)
def test_any_transforms_are_a_trajectory_or_a_sentence(
    document: dict[str, object], matrix: object, name: object
) -> None:
    frames = [{"file_path": "a.png", "transform_matrix": matrix}, {**FRAME, "file_path": name}]
    for chosen in (frames, frames[1:]):
        survives_or_says("transforms", {**document, "frames": chosen})


@given(st.sampled_from(sorted(FSPY_CAMERA)), json_values)
def test_any_fspy_is_a_trajectory_or_a_sentence(key: str, value: object) -> None:
    survives_or_says("fspy", {**FSPY_CAMERA, key: value})


CAMERA_PATH = {"camera_to_world": np.eye(4).ravel().tolist(), "fov": 50}


@given(st.dictionaries(st.sampled_from(["fps", "seconds", "render_width", "camera_type"]), json_values), json_values)
def test_any_camera_path_is_a_trajectory_or_a_sentence(document: dict[str, object], value: object) -> None:
    for key in CAMERA_PATH:
        survives_or_says("nerfstudio-path", {**document, "camera_path": [CAMERA_PATH, {**CAMERA_PATH, key: value}]})
    survives_or_says("nerfstudio-export", [{"file_path": value, "transform": value}])


INFO = {"imW": 64, "imH": 36, "intrinsics": np.eye(3).tolist(), "w2c": np.eye(4)[None].tolist(), "align_factor": 2}


@given(st.sampled_from(sorted(INFO)), json_values)
def test_any_camera_info_is_a_trajectory_or_a_sentence(key: str, value: object) -> None:
    survives_or_says("camera-info", {**INFO, key: value})


@given(json_values)
def test_any_list_is_a_trajectory_or_a_sentence(document: object) -> None:
    survives_or_says("motionctrl", document)


def survives_or_says(name: str, document: object) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(document, file)
        file.flush()
        try:
            assert len(read_trajectory(file.name, 64, 36, format=name).trajectory) > 0
        except CameraError as error:
            assert error.sentence  # noqa: PT017


@pytest.mark.parametrize("text", ["[" * 100000, '{"frames": [{"transform_matrix": ' + "9" * 5000 + "}]}"])
def test_json_that_python_gives_up_on(text: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no JSON that can be read"):
        read_trajectory(written(tmp_path, "poses.json", text), 64, 36)


def hand_held_pan(count: int = 60) -> np.ndarray:
    """A camera 5 m from the origin that pans by hand: it turns a lot and hardly moves."""
    random = np.random.default_rng(0)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = axis_rotation("Y", np.linspace(0, 1, count) + random.normal(0, 0.004, count))
    poses[:, :3, 3] = [3, 1, 4]
    poses[:, :3, 3] += np.stack(
        [np.linspace(0, 1, count), np.sin(np.linspace(0, 3, count)), 0 * poses[:, 0, 3]], axis=1
    )
    return poses


def test_inverted_poses_are_suspected(tmp_path: Path) -> None:
    right = hand_held_pan()
    assert inverted_pose_note(right, "camera-to-world") == ""
    assert "world-to-camera matrices stand where camera-to-world" in inverted_pose_note(
        inverse(right), "camera-to-world"
    )
    wrong = Trajectory(inverse(right), intrinsics_matrix(500, 500, 320, 180), 640, 360)
    write_trajectory(tmp_path / "poses.txt", wrong)
    (note,) = read_trajectory(tmp_path / "poses.txt", 640, 360).notes
    assert note.startswith("Suspected: camera-to-world matrices stand where world-to-camera matrices belong")
