"""`realcam demo` clears what a demo made and nothing else, and takes a reader's own files as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from blender_addon.core.errors import PhotoError, ShotError
from blender_addon.core.payloads.import_request import DepthFile
from server.demo.contact_sheet import contact_sheet
from server.demo.demo import DemoOptions, run_demo
from server.demo.inputs import own_input, world_input
from server.demo.motorcycle import Motorcycle
from server.depth.photo_files import read_depth

pytestmark = pytest.mark.blender


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "precious.txt").write_text("mine")
    with pytest.raises(ShotError, match="not made by a demo"):
        run_demo(DemoOptions(tmp_path), Console(quiet=True))
    assert (tmp_path / "input" / "precious.txt").read_text() == "mine"


def test_a_missing_photo_is_said_before_anything_is_cleared(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    (tmp_path / ".realcam-demo").touch()
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "photo.png").write_bytes(b"of an earlier demo")
    with pytest.raises(PhotoError, match=r"no such file.*nowhere\.jpg"):
        run_demo(DemoOptions(tmp_path, Path("nowhere.jpg"), Path("nowhere.png")), Console(quiet=True))
    assert (tmp_path / "input" / "photo.png").exists()


def test_a_file_that_cannot_be_read_is_named_as_it_was_given(bike: Motorcycle, tmp_path: Path) -> None:
    photo, notes = tmp_path / "room.png", tmp_path / "notes.txt"
    Image.fromarray(bike.photo).save(photo)
    notes.write_text("hello")
    with pytest.raises(PhotoError, match=r"depth file is not read: notes\.txt"):
        own_input(tmp_path / "input", photo, DepthFile(notes), False, 1, 96)
    with pytest.raises(PhotoError, match=r"photo cannot be read: .*notes\.txt"):
        own_input(tmp_path / "input", notes, DepthFile(photo), False, 1, 96)


def test_the_frame_of_a_rendered_world_is_whole_and_in_metres(tmp_path: Path) -> None:
    """A room: the floor is a plane 0.51 m below the eyes of a camera that looks down a little."""
    demo = world_input(tmp_path / "input", 1, 96)
    photo = np.asarray(Image.open(demo.photo))
    assert demo.depth_format is not None
    depth = read_depth(demo.depth, demo.depth_format)
    assert photo.shape == (*depth.shape, 3) == (192, 192, 3)
    assert demo.intrinsics is not None
    (focal, _, across), (_, same, down), _ = demo.intrinsics
    assert (focal, across, down) == (same, 96, 96)
    assert 0.5 < depth.min() < depth.max() < 6.3
    rows = np.arange(140, 192)
    heights = depth[rows, 96] * (rows + 0.5 - down) / focal
    slope, height = np.polyfit(depth[rows, 96], heights, 1)
    np.testing.assert_allclose(slope * depth[rows, 96] + height, heights, atol=2e-3)
    assert height == pytest.approx(0.51, abs=0.01)
    assert [move.first for move in demo.moves] + [demo.moves[-1].last] == [1, 39, 96]
    shown = contact_sheet(photo, np.zeros((2, 64, 64, 4), np.uint8), np.zeros((2, 64, 64, 3), np.uint8))
    assert shown.width > 3 * 384, "a small clip is shown large"


def test_photo_and_depth_of_one_name_stay_two_files(bike: Motorcycle, tmp_path: Path) -> None:
    for folder in ("rgb", "depth"):
        (tmp_path / folder).mkdir()
    Image.fromarray(bike.photo).save(tmp_path / "rgb" / "0001.png")
    millimetres = np.nan_to_num(bike.depth * 1000).astype(np.uint16)
    Image.fromarray(millimetres).save(tmp_path / "depth" / "0001.png")
    demo = own_input(
        tmp_path / "input", tmp_path / "rgb" / "0001.png", DepthFile(tmp_path / "depth" / "0001.png"), False, 1, 96
    )
    assert demo.name == "0001"
    assert np.array_equal(np.asarray(Image.open(demo.photo)), bike.photo)
    assert np.array_equal(np.asarray(Image.open(demo.depth)), millimetres)
