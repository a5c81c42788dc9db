"""What one reader of camera files has to know, each of them knows: order, sizes, lenses, rates, encodings, names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.camera.formats import READERS, CameraFile, read_trajectory
from blender_addon.core.errors import CameraError
from tests.blender_addon.core.camera.formats import camera_files
from tests.blender_addon.core.camera.formats.camera_files import FILES, HEIGHT, WIDTH, Move, Written, move

WRITTEN = [written for several in FILES.values() for written in several]
NAMED = (camera_files.colmap, camera_files.colmap_binary, camera_files.transforms, camera_files.nerfstudio_export)
SIZED = NAMED[:3]
TIMED = {camera_files.realestate10k: 1e6, camera_files.tum: 1.0}
"""Formats with times: units of the format in a second."""
WITHOUT_LENS = (camera_files.tum, camera_files.nerfstudio_export, camera_files.motionctrl)
TEXTS = [written for written in WRITTEN if written not in (camera_files.colmap_binary, camera_files.realcam_vid)]


def read(folder: Path, written: Written, it: Move, fps: float | None = None) -> CameraFile:
    return read_trajectory(written(folder, it), WIDTH, HEIGHT, fps)


def check_cameras(file: CameraFile, it: Move) -> None:
    count = len(file.trajectory)
    assert count == (1 if file.format == "fspy" else len(it.names))
    np.testing.assert_allclose(file.trajectory.camera_to_world, it.poses[:count], atol=1e-9)


def test_the_table_has_every_format() -> None:
    assert set(FILES) == set(READERS)


@pytest.mark.parametrize("written", WRITTEN)
def test_each_format_is_found_and_gives_the_same_cameras(written: Written, tmp_path: Path) -> None:
    it = replace(move(), focal=tuple(500 + 10.0 * index for index in range(12)))
    file = read(tmp_path, written, it)
    names = [name for name, several in FILES.items() if written in several]
    assert file.format == names[0].removesuffix("-binary")
    check_cameras(file, it)
    if written not in WITHOUT_LENS:
        # A lens for each frame.
        focal = it.focal[: len(file.trajectory)]
        np.testing.assert_allclose(file.trajectory.intrinsics[:, 0, 0], focal, rtol=1e-9)
        np.testing.assert_allclose(file.trajectory.intrinsics[:, 1, 2], HEIGHT / 2)


@pytest.mark.parametrize("written", NAMED)
def test_frames_come_in_the_order_of_their_names(written: Written, tmp_path: Path) -> None:
    """frame_9 before frame_10, however the file lists them."""
    listed = move().listed(np.random.default_rng(1).permutation(12).tolist())
    file = read(tmp_path, written, listed)
    assert file.names == move().names
    check_cameras(file, move())
    if file.format != "colmap":
        assert any("order of the pictures' names" in note for note in file.notes)
        assert not any("another order" in note for note in read(tmp_path, written, move()).notes)


def test_numbers_of_any_length_are_ordered(tmp_path: Path) -> None:
    nanoseconds = [f"cam/{1403636579763555584 + step}.png" for step in (0, 7, 10**12, 3 * 10**18)]
    names = tuple(nanoseconds[index] for index in (3, 1, 0, 2))
    file = read(tmp_path, camera_files.transforms, replace(move(4), names=names))
    assert file.names == (*nanoseconds[:3], "cam/4403636579763555584.png")


@pytest.mark.parametrize("written", NAMED)
def test_names_of_windows(written: Written, tmp_path: Path) -> None:
    windows = replace(move(2), names=("images\\frame_1.png", "images\\frame_2.png"))
    assert read(tmp_path, written, windows).names == ("images/frame_1.png", "images/frame_2.png")


@pytest.mark.parametrize("written", SIZED)
def test_pictures_of_two_sizes_have_one_lens(written: Written, tmp_path: Path) -> None:
    two = replace(move(2), sizes=((WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT)), focal=(500.0, 1000.0))
    trajectory = read(tmp_path, written, two).trajectory
    assert (trajectory.width, trajectory.height) == (WIDTH, HEIGHT)
    np.testing.assert_allclose(trajectory.intrinsics[:, 0, 0], 500)
    np.testing.assert_allclose(trajectory.intrinsics[:, 0, 2], WIDTH / 2)


@pytest.mark.parametrize("written", SIZED)
def test_pictures_of_two_aspects_are_refused_by_name(written: Written, tmp_path: Path) -> None:
    portrait = replace(move(2), sizes=((WIDTH, HEIGHT), (HEIGHT, WIDTH)))
    with pytest.raises(CameraError, match=r"different aspects.*frame_2\.png 360 x 640"):
        read(tmp_path, written, portrait)


@pytest.mark.parametrize("written", [*SIZED, camera_files.nerfstudio_path])
@pytest.mark.parametrize("model", ["OPENCV_FISHEYE", "EQUIRECTANGULAR", "EUCM", "MADE_UP"])
def test_a_lens_that_is_not_understood_is_named(written: Written, model: str, tmp_path: Path) -> None:
    if written is camera_files.colmap:
        it = replace(move(2), model="MADE_UP" if model == "EQUIRECTANGULAR" else model)
        message = "has the wrong number of parameters|no pinhole.*MADE_UP"
    else:
        it, message = replace(move(2), model=model), f"(?i)no pinhole.*{model}"
    if written is camera_files.colmap_binary and model == "MADE_UP":
        message = "camera model is not known.*99"
    with pytest.raises(CameraError, match=message):
        read(tmp_path, written, it)


@pytest.mark.parametrize("key", ["is_fisheye", "latlong", "equirectangular", "ftheta_p0"])
@pytest.mark.parametrize("in_frame", [False, True])
def test_instant_ngps_words_for_a_lens(key: str, in_frame: bool, tmp_path: Path) -> None:
    path = camera_files.transforms(tmp_path, move(2))
    document = json.loads(path.read_text())
    (document["frames"][1] if in_frame else document)[key] = True
    path.write_text(json.dumps(document))
    with pytest.raises(CameraError, match=f"no pinhole.*{key}"):
        read_trajectory(path)
    path.write_text(
        json.dumps({**document, "is_fisheye": False, "frames": document["frames"][:1]}).replace(key, "aabb")
    )
    assert len(read_trajectory(path).trajectory) == 1


STAMPS: dict[str, tuple[Callable[[int], float], float, str]] = {
    "frame numbers": (lambda frame: frame, 24, "frame numbers (0, 1, ...): 24 a second"),
    "every eighth frame": (lambda frame: 8 * frame, 24, "frame numbers (0, 8, ...): 24 a second"),
    "seconds": (lambda frame: 3 + frame / 24, 24, "seconds"),
    "milliseconds": (lambda frame: round(1000 * frame / 30), 30, "milliseconds"),
    "microseconds": (lambda frame: round(1e6 * frame / 50), 50, "microseconds"),
    "nanoseconds": (lambda frame: 1.4e18 + round(1e9 * frame / 20), 20, "nanoseconds"),
    "no unit": (lambda frame: 2.5 * frame, 24, "at which nobody films: 24 are assumed"),
    "zeros": (lambda _: 0, 24, "evenly spaced, 24 a second"),
    "going back": (lambda frame: -frame / 24, 24, "evenly spaced, 24 a second"),
}
"""What people write into the first column: the stamp of a frame, the rate that is right, and what is said."""


@pytest.mark.parametrize("written", TIMED)
@pytest.mark.parametrize("kind", STAMPS)
def test_units_of_time_are_told_apart(written: Written, kind: str, tmp_path: Path) -> None:
    stamp, fps, said = STAMPS[kind]
    it = replace(move(), stamps=tuple(stamp(frame) for frame in range(12)))
    path = written(tmp_path, it)
    # The writers know their format's unit; these files were written by people who do not.
    lines = path.read_text().splitlines()
    for index in range(12):
        lines[index - 12] = f"{it.stamps[index]:.17g} " + lines[index - 12].partition(" ")[2]
    path.write_text("\n".join(lines))
    file = read_trajectory(path, WIDTH, HEIGHT)
    own = kind == {1e6: "microseconds", 1.0: "seconds"}[TIMED[written]]
    assert file.trajectory.fps == pytest.approx(fps, rel=0.02)
    told = [note for note in file.notes if "times" in note]
    assert told == [] if own else said in told[0]
    if own or said == kind:
        assert file.timestamps is not None
        assert np.diff(file.timestamps) == pytest.approx(np.full(11, 1 / fps), rel=0.05)
    # Whoever says the rate knows it, and is told nothing.
    asked = read_trajectory(path, WIDTH, HEIGHT, 12)
    assert asked.trajectory.fps == 12
    assert not any("assumed" in note and "frames a second" in note for note in asked.notes)


@pytest.mark.parametrize(("fps", "expected"), [(12, 12), (1e6, 24), (0, 24)])
def test_a_stated_rate_is_one_that_people_film_at(fps: float, expected: float, tmp_path: Path) -> None:
    path = camera_files.nerfstudio_path(tmp_path, move())
    path.write_text(path.read_text().replace('"fps": 25', f'"fps": {fps}'))
    file = read_trajectory(path)
    assert file.trajectory.fps == expected
    assert any("nobody films" in note for note in file.notes) == (fps != expected)
    path.write_text(path.read_text().replace(f'"fps": {fps}', '"seconds": 0.4'))
    assert read_trajectory(path).trajectory.fps == pytest.approx(30)


@pytest.mark.parametrize("written", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_text_of_every_encoding(written: Written, encoding: str, tmp_path: Path) -> None:
    """PowerShell's, Notepad's and Excel's; UTF-16 without a byte order mark too."""
    path = written(tmp_path, move())
    for file in path.iterdir() if path.is_dir() else [path]:
        file.write_bytes(file.read_text(encoding="utf-8").replace("\n", "\r\n").encode(encoding))
    check_cameras(read_trajectory(path, WIDTH, HEIGHT), move())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("https://example.org/Straße\n".encode("latin-1"), "byte 24 is not UTF-8.*save it as UTF-8"),
        (b"\xff\xfe1\x00 \x00\x00\xdc", "UTF-16 text, but byte 6 is not UTF-16"),
        (b"\xff\xfe\x00\x001\x00\x00\x00\x00\x00\x00\xff", "UTF-32 text, but byte 8 is not UTF-32"),
    ],
)
def test_text_that_cannot_be_read_says_why(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "poses.txt").write_bytes(data)
    with pytest.raises(CameraError, match=message):
        read_trajectory(tmp_path / "poses.txt", WIDTH, HEIGHT)


def test_neus2s_axes_and_lens(tmp_path: Path) -> None:
    it = move(3)
    lens = [[500, 0, 330, 0], [0, 510, 170, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    frames = [
        {"file_path": name, "transform_matrix": pose.tolist(), "intrinsic_matrix": lens}
        for name, pose in zip(it.names, it.poses, strict=True)
    ]
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps({"from_na": True, "w": WIDTH, "h": HEIGHT, "frames": frames}))
    file = read_trajectory(path)
    check_cameras(file, it)
    np.testing.assert_allclose(file.trajectory.intrinsics[0], [[500, 0, 330], [0, 510, 170], [0, 0, 1]])


@pytest.mark.parametrize("key", ["x", "y"])
def test_an_angle_of_view_in_degrees_or_radians(key: str, tmp_path: Path) -> None:
    frame = {"transform_matrix": np.eye(4).tolist()}
    path = tmp_path / "transforms.json"
    focal = []
    for angle in (
        {"camera_angle_x": 1.0, f"camera_angle_{key}": 1.2},
        {"x_fov": np.degrees(1.0), f"{key}_fov": np.degrees(1.2)},
    ):
        path.write_text(json.dumps({"w": WIDTH, "h": HEIGHT, **angle, "frames": [frame]}))
        focal.append(np.diag(read_trajectory(path).trajectory.intrinsics[0])[:2])
    x = WIDTH / 2 / np.tan(0.6 if key == "x" else 0.5)
    np.testing.assert_allclose(focal, [[x, HEIGHT / 2 / np.tan(0.6) if key == "y" else x]] * 2)


def test_which_of_several_transforms(tmp_path: Path) -> None:
    for name in ("transforms_test.json", "transforms_train.json"):
        camera_files.transforms(tmp_path, move()).rename(tmp_path / name)
    with pytest.raises(CameraError, match=r"which file.*transforms_test\.json, transforms_train\.json"):
        read_trajectory(tmp_path)
    (tmp_path / "transforms_test.json").unlink()
    check_cameras(read_trajectory(tmp_path), move())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"cam_c2w": np.eye(4)[None]}, "its arrays are cam_c2w.*Lyra's w2c"),
        ({"w2c": np.eye(4)}, r"w2c is \[4, 4\], expected \[F, 3, 4\]"),
        ({"w2c": np.eye(4)[None], "intrinsics": np.eye(3)[None].repeat(2, 0)}, r"\[2, 3, 3\] for 1 poses"),
        ({"w2c": np.eye(4)[None] * np.nan}, "w2c is not numbers: NaN"),
        ({"w2c": np.eye(4)[None], "image_width": 0, "image_height": 9}, "no area"),
        ({"camera_extrinsics": np.eye(4)[None], "align_factor": -1.0}, "align_factor is no scale"),
        ({"w2c": np.array([{"a": 1}], dtype=object)}, "no camera file: Object arrays"),
    ],
)
def test_arrays_that_are_no_clip(arrays: dict[str, object], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "clip.npz", **arrays)
    with pytest.raises(CameraError, match=message):
        read_trajectory(tmp_path / "clip.npz", WIDTH, HEIGHT)


def test_an_archive_that_is_broken_or_is_none(tmp_path: Path) -> None:
    whole = camera_files.realcam_vid(tmp_path, move()).read_bytes()
    (tmp_path / "clip.npz").write_bytes(whole[:200])
    with pytest.raises(CameraError, match=r"clip\.npz: The NPZ is no camera file"):
        read_trajectory(tmp_path / "clip.npz", WIDTH, HEIGHT)


QUATERNIONS = {
    "qx qy qz qw": "x y z w",
    "# timestamp tx ty tz qx qy qz qw": "x y z w",
    "#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []": "w x y z",
    "time,x,y,z,qw,qx,qy,qz": "w x y z",
}
"""Lines with the columns' names, and the order of the quaternion that they tell."""


@pytest.mark.parametrize("header", QUATERNIONS)
def test_where_w_stands_is_read_from_the_columns_names(header: str, tmp_path: Path) -> None:
    """EuRoC's and TUM-VI's begin with it."""
    it = move()
    rows = [line.split() for line in camera_files.tum(tmp_path, it).read_text().splitlines()]
    separator = "," if "," in header else " "
    if QUATERNIONS[header] == "w x y z":
        rows = [[*row[:4], row[7], *row[4:7]] for row in rows]
    path = tmp_path / "poses.csv"
    path.write_text("\n".join([header if len(header) > 20 else "# no names", *(separator.join(row) for row in rows)]))
    check_cameras(read_trajectory(path, WIDTH, HEIGHT), it)


def test_a_file_of_eurocs_kind_without_names_is_told_of(tmp_path: Path) -> None:
    rows = [f"{1403636579763555584 + 50_000_000 * frame},0,0,0,0,0,0,1" for frame in range(3)]
    (tmp_path / "data.csv").write_text("\n".join(rows))
    assert any("quaternions begin with w" in note for note in read_trajectory(tmp_path / "data.csv", 64, 48).notes)


@pytest.mark.parametrize("written", [camera_files.realestate10k, camera_files.tum, camera_files.chan])
@pytest.mark.parametrize("separator", [" ", ";", "; "])
def test_decimal_commas(written: Written, separator: str, tmp_path: Path) -> None:
    path = written(tmp_path, move())
    lines = [
        line if "://" in line else separator.join(line.replace(".", ",").split())
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))
    check_cameras(read_trajectory(path, WIDTH, HEIGHT), move())


@pytest.mark.parametrize("written", [camera_files.colmap, camera_files.colmap_binary])
def test_several_models_of_one_folder_are_told_of(written: Written, tmp_path: Path) -> None:
    for name, count in (("0", 2), ("1", 9)):
        (tmp_path / "sparse" / name).mkdir(parents=True)
        written(tmp_path / "sparse" / name, move(count))
    file = read_trajectory(tmp_path)
    assert len(file.trajectory) == 2
    assert any("sparse/0 is read, not 1" in note for note in file.notes)
    assert read_trajectory(tmp_path / "sparse" / "1").notes == ()
