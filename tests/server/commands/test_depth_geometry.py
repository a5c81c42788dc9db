"""`realcam depth geometry`, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from blender_addon.core.camera.formats.dispatch import write_trajectory
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from server.cli import app
from server.commands.depth_by_hand import geometry as command
from server.commands.depth_by_hand.geometry_file import Geometry

REPOSITORY = Path(__file__).parents[3]
LENS = intrinsics_matrix(80.0, 80.0, 45.0, 30.0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the command is called in: a photo, a wall 4 units in front of the origin, cameras that look at it."""
    monkeypatch.chdir(tmp_path)
    # Python finds the packages by the folder that it was started in, where they are not installed; so must its child.
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save("photo.png")
    Path("wall.obj").write_text("v -9 -9 4\nv 9 -9 4\nv 9 1 4\nv -9 1 4\nf 1 2 3 4\n")
    poses = np.repeat(np.eye(4)[None], 2, axis=0)
    poses[1, 2, 3] = 1.0
    cameras = Trajectory(poses, LENS, 90, 60, 24.0)
    write_trajectory("named.json", cameras, names=("other.png", "photo.png"))
    write_trajectory("unnamed.json", cameras, names=("a.png", "b.png"))
    return tmp_path


def run(line: str) -> Result:
    return CliRunner().invoke(app, ["depth", "geometry", "photo.png", *line.split()], env={"COLUMNS": "200"})


@pytest.mark.blender
def test_a_mesh_seen_by_the_photo_s_camera_of_a_camera_file(folder: Path) -> None:
    """The camera named as the photo stands a unit nearer, and a unit is 2 m; its lens is the file's."""
    result = run("--mesh wall.obj --camera named.json --scale 2 --farthest 30")
    assert result.exit_code == 0, result.output
    with np.load("photo.depth.npz") as written:
        np.testing.assert_allclose(written["intrinsics"], LENS)
        # The wall ends a unit below the axis, 80 / 3 pixels under the middle.
        np.testing.assert_allclose(written["depth"][:56], 6.0, rtol=1e-6)
        np.testing.assert_array_equal(written["depth"][57:], 30.0)
    assert "The geometry covers 9" in result.output


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "Missing option"),
        ("--mesh none.ply", "There is no such geometry: none.ply"),
        ("--mesh wall.obj --axes maya", "expected opencv or blender"),
        ("--mesh wall.obj --scale 0", "The geometry has no scale: 0 metres a unit"),
        ("--mesh wall.obj --farthest far", "expected 1 numbers"),
        ("--mesh wall.obj --farthest -1", "The farthest distance is none: -1 m"),
        ("--mesh wall.obj --camera none.json", "none.json cannot be read"),
        ("--mesh wall.obj --camera unnamed.json", "Which of its cameras took the photo?: the file has 2, 0 of them"),
        ("--mesh wall.obj --camera unnamed.json --frame 2", "There is no camera 2: the file has 2"),
        ("--mesh wall.obj --focal-mm 0", "This is no photo's focal length"),
    ],
)  # fmt: skip
def test_misuse_is_said_in_a_sentence(folder: Path, line: str, words: str) -> None:
    result = run(line)
    assert result.exit_code != 0
    assert words in result.output
    assert "Traceback" not in result.output


def test_geometry_behind_the_camera_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Geometry(np.array([[-9.0, -9, 4], [9, -9, 4], [9, 9, 4]]), np.array([[0, 1, 2]], np.int32), np.zeros((0, 3)))
    monkeypatch.setattr(command, "read_geometry_files", lambda paths: wall)
    result = run("--mesh wall.obj --axes blender")
    assert result.exit_code == 1
    assert "z -4 to -4: behind the photo's camera. Check --camera" in result.output
