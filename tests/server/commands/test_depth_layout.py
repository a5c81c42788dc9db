"""`realcam depth layout`, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.layout.layout import CutOut, DepthLayout, Ground, Wall, layout_json, read_layout
from server.cli import app


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photo, a mask, and files that are not what they are taken for."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save("street.png")
    mask = np.zeros((120, 180), np.uint8)
    mask[60:100, 80:100] = 255
    Image.fromarray(mask).save("mask.png")
    Image.fromarray(mask[:, :100]).save("narrow.png")
    Image.fromarray(np.zeros((60, 90), np.uint8)).save("empty.png")
    Image.fromarray(np.full((60, 90), 255, np.uint8)).save("all.png")
    Path("text.json").write_text("hello")
    np.save("depth.npy", np.full((60, 90), 4, np.float32))
    np.save("square.npy", np.full((60, 60), 4, np.float32))
    return tmp_path


def run(line: str) -> Result:
    return CliRunner().invoke(app, ["depth", "layout", "street.png", *line.split()], env={"COLUMNS": "200"})


def test_a_ground_and_a_mask_without_a_layout(street: Path) -> None:
    result = run("--horizon 0.4 --camera-height 1.5 --cut-out mask.png --farthest 40 --focal-mm 28")
    assert result.exit_code == 0, result.output
    assert "ground" in result.output
    assert "typed, 28 mm" in result.output
    with np.load("street.depth.npz") as written:
        depth, focal = written["depth"], float(written["intrinsics"][0, 0])
        assert depth.shape == (60, 90)
    # The mask ends in row 50, 26 below the horizon, which is 6 above the middle.
    assert depth[49, 45] == pytest.approx(1.5 * np.hypot(focal, 6) / 26, rel=0.01)
    assert depth[10, 10] == 40
    again = run("--edits street.depth.layout.json --focal-mm 28 -o again.npz")
    assert again.exit_code == 0, again.output
    with np.load("again.npz") as replayed:
        np.testing.assert_array_equal(replayed["depth"], depth)


def test_the_lens_that_the_other_depth_stores_is_the_photos(street: Path) -> None:
    lens = intrinsics_matrix(80, 80, 45, 30)
    np.savez("network.npz", depth=np.full((60, 90), 4, np.float32), intrinsics=lens)
    result = run("--horizon 0.5 --base network.npz --mixing fill")
    assert "Focal length: stored with the depth" in result.output
    with np.load("street.depth.npz") as written:
        np.testing.assert_allclose(written["intrinsics"], lens)
    assert "typed, 28 mm" in run("--horizon 0.5 --base network.npz --focal-mm 28").output


def test_an_overlay_of_no_ground_is_said_to_be_none(street: Path) -> None:
    outline = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]
    Path("card.json").write_text(json.dumps({"ground": None, "cut_outs": [{"outline": outline, "distance": 2}]}))
    result = run("--edits card.json --overlay picture.png")
    assert result.exit_code == 0, result.output
    assert "picture.png is not drawn" in result.output
    assert not Path("picture.png").exists()


def test_a_photo_of_100_mpx_is_laid_out_without_being_decoded(street: Path) -> None:
    """Without a word of Pillow's about bombs: its warnings are errors in tests."""
    Image.new("L", (12000, 8400)).save("street.png")
    result = run("--horizon 0.4")
    assert result.exit_code == 0, result.output
    assert "street.depth.npz: 1195 x 837" in result.output


def test_options_change_a_recorded_layout(street: Path) -> None:
    recorded = DepthLayout(
        ground=Ground((0.4, 0.4), 1.5),
        walls=(Wall(((0.0, 0.6), (1.0, 0.7))),),
        cut_outs=(CutOut(((0.4, 0.5), (0.6, 0.5), (0.5, 0.9))),),
    )
    Path("edits.json").write_bytes(layout_json(recorded))
    assert run("--edits edits.json --camera-height 3 --farthest unknown -o twice.npz").exit_code == 0
    assert run("--edits edits.json -o once.npz").exit_code == 0
    with np.load("once.npz") as once, np.load("twice.npz") as twice:
        np.testing.assert_allclose(twice["depth"], 2 * once["depth"], rtol=1e-5)
    changed = read_layout(Path("twice.layout.json"))
    assert (changed.ground, changed.farthest, changed.walls) == (Ground((0.4, 0.4), 3.0), None, recorded.walls)


def test_a_ground_as_it_is_by_default_is_added_when_it_is_typed(street: Path) -> None:
    alone = CutOut(((0.4, 0.5), (0.6, 0.5), (0.5, 0.9)), distance=2.0)
    Path("edits.json").write_bytes(layout_json(DepthLayout(ground=None, cut_outs=(alone,))))
    assert run(f"--edits edits.json --camera-height {Ground().camera_height} -o grounded.npz").exit_code == 0
    assert read_layout(Path("grounded.layout.json")).ground == Ground()


def test_a_recorded_layout_is_never_written_over(street: Path) -> None:
    Path("a.layout.json").write_bytes(layout_json(DepthLayout()))
    before = Path("a.layout.json").read_bytes()
    assert run("--edits a.layout.json --camera-height 3 -o a.npz").exit_code == 0
    assert Path("a.layout.json").read_bytes() == before


def test_another_depth_shows_where_nothing_stands(street: Path) -> None:
    result = run("--horizon 0.5 --base depth.npy")
    assert result.exit_code == 0, result.output
    with np.load("street.depth.npz") as written:
        assert (written["depth"][:28] == 4).all()


def test_fspy_s_camera_is_the_lens_and_the_horizon(street: Path, shared_data: Path) -> None:
    """Its picture is 1439 x 956; the camera's height is that over fSpy's origin."""
    Image.fromarray(np.zeros((956, 1439, 3), np.uint8)).save("street.png")
    result = run(f"--fspy {shared_data}/trajectories/fspy/json_export.json")
    assert result.exit_code == 0, result.output
    assert "0.94 over fSpy's origin (Y is up)" in result.output
    assert "Elsewhere give --intrinsics" in result.output
    typed = run(f"--fspy {shared_data}/trajectories/fspy/json_export.json --focal-mm 28")
    assert "Focal length: typed, 28 mm" in typed.output
    ground = read_layout(Path("street.depth.layout.json")).ground
    assert ground is not None
    assert ground.horizon == pytest.approx((0.5, 0.5), abs=0.01)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "nothing is laid out"),
        ("--horizon high", "expected 1 or 2 numbers"),
        ("--horizon 1.5", "The photo shows no ground"),
        ("--horizon 0.5 --camera-height 0", "The camera's height over the ground is none: 0 m"),
        ("--horizon 0.5 --camera-height 0.001", "The camera's height over the ground is none: 0.001 m"),
        ("--horizon 0.5 --ceiling 1", "The ceiling is not above the camera"),
        ("--horizon 0.5 --farthest near", "expected 1 numbers"),
        ("--horizon 0.5 --farthest 0", "The farthest distance is none: 0 m"),
        ("--horizon 0.5 --mixing blend", "expected one of replace, fill, align"),
        ("--horizon 0.5 --focal-mm 0", "This is no photo's focal length"),
        ("--edits none.json", "The layout cannot be read"),
        ("--edits text.json", "text.json: This is no depth layout"),
        ("--horizon 0.5 --cut-out none.png", "There is no such mask"),
        ("--horizon 0.5 --cut-out text.json", "The mask cannot be read"),
        ("--horizon 0.5 --cut-out narrow.png", "The mask narrow.png does not fit the photo"),
        ("--horizon 0.5 --cut-out empty.png", "empty is too small"),
        ("--horizon 0.5 --cut-out all.png", "all is the whole photo"),
        ("--horizon 0.9 --cut-out mask.png", "Move its foot down"),
        ("--fspy none.fspy", "none.fspy cannot be read"),
        ("--fspy text.json", "text.json"),
        ("--horizon 0.5 --base none.npy", "There is no such depth file"),
        ("--horizon 0.5 --base square.npy", "square.npy: The depth map does not fit the photo"),
        ("--horizon 0.5 --base depth.npy --relative far", "expected bright or dark"),
        ("--horizon 0.5 -o nowhere/out.npz", "nowhere/out.npz cannot be used"),
        ("--horizon 0.5 --overlay picture.xyz", "The overlay is of no kind of picture"),
    ],
)  # fmt: skip
def test_misuse_is_said_in_a_sentence(street: Path, line: str, words: str) -> None:
    result = run(line)
    assert result.exit_code != 0
    assert words in result.output
    assert "Traceback" not in result.output
