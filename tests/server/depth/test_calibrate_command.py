"""`realcam depth calibrate`, as a person runs it, on pictures made of real depth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter
from typer.testing import CliRunner

from blender_addon.core.arrays import Float32
from blender_addon.core.depth.calibration.fit import DepthFit, fit_depth
from blender_addon.core.depth.calibration.known_points import KnownPoints, number_at
from blender_addon.core.depth.colour_scales import colour_table
from blender_addon.core.depth.depth_format import DEPTH_UNITS, DepthFormat
from blender_addon.core.depth.depth_mesh import known_depth
from server.cli import app
from server.demo.motorcycle import Motorcycle
from server.depth.photo_files import read_depth, read_depth_picture


def filled(depth: Float32) -> NDArray[np.float64]:
    """Where nothing is known, what is nearest in the picture: a depth picture has a number everywhere."""
    rows, columns = distance_transform_edt(np.isnan(depth), return_distances=False, return_indices=True)
    return np.asarray(depth[rows, columns], dtype=np.float64)


def share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values from 0 to 1."""
    return np.asarray((values - values.min()) / np.ptp(values))


def write_8_bits(depth: Float32, path: Path) -> None:
    Image.fromarray(np.rint(share(1 / filled(depth)) * 255).astype(np.uint8)).save(path)


def write_turbo(depth: Float32, path: Path) -> None:
    steps = np.rint(share(1 / filled(depth)) * 255).astype(np.uint8)
    Image.fromarray(np.rint(colour_table("turbo")).astype(np.uint8)[steps]).save(path)


def write_16_bits(depth: Float32, path: Path) -> None:
    Image.fromarray(np.rint(share(1 / filled(depth)) * 65535).astype(np.uint16)).save(path)


def write_dark_8_bits(depth: Float32, path: Path) -> None:
    """Near is dark, evenly by the distance."""
    Image.fromarray(np.rint(share(filled(depth)) * 255).astype(np.uint8)).save(path)


def three_places(depth: Float32) -> list[tuple[int, int]]:
    """(row, column) of places near, in the middle and far where depth is known and no edge is beside them."""
    full = filled(depth)
    even = maximum_filter(full, 3) - minimum_filter(full, 3) < 0.01 * full
    known = np.where(even & np.isfinite(depth), depth, np.nan)
    return [
        divmod(int(np.nanargmin(np.abs(known - end))), depth.shape[1]) for end in np.nanpercentile(known, [10, 50, 90])
    ]


def calibrated(path: Path, depth: Float32) -> tuple[DepthFit, Float32]:
    """The fit of a picture to three distances that were read to a centimetre, and the metres."""
    picture = read_depth_picture(path)
    places = three_places(depth)
    numbers = [number_at(picture.numbers, (c + 0.5) / depth.shape[1], (r + 0.5) / depth.shape[0]) for r, c in places]
    metres = np.round([depth[place] for place in places], 2)
    fit = fit_depth(KnownPoints(np.array(numbers), metres.astype(np.float64)), picture.kind, picture.numbers)
    return fit, fit.law.metres(picture.numbers).astype(np.float32)


PHOTOS = {
    "tum": ("TUM_depth.png", DEPTH_UNITS["tum"].format),
    "kitti_metric3d": ("depth_0000000005.png", DEPTH_UNITS["kitti"].format),
    "arkit_promptda": ("arkit_depth.png", DEPTH_UNITS["mm"].format),
    "middlebury_motorcycle": ("motorcycle_disp.npz", DepthFormat("disparity", None, 994.978, 0.193001, 31.086)),
}
"""Every photo with a sensor's depth: file and format."""
PICTURES: dict[str, tuple[Any, float]] = {
    "8 bits": (write_8_bits, 0.02),
    "turbo": (write_turbo, 0.02),
    "16 bits": (write_16_bits, 0.01),
    "dark": (write_dark_8_bits, 0.02),
}
"""(writes the picture, median relative error allowed)."""


@pytest.mark.parametrize("name", PHOTOS)
def test_three_points_bring_back_a_sensors_metres(shared_data: Path, tmp_path: Path, name: str) -> None:
    file, meaning = PHOTOS[name]
    depth = known_depth(read_depth(shared_data / "rgbd" / name / file, meaning, trust_unit=True))
    for kind, (write, allowed) in PICTURES.items():
        write(depth, tmp_path / "relative.png")
        fit, metres = calibrated(tmp_path / "relative.png", depth)
        error = np.abs(metres / depth - 1)[np.isfinite(depth)]
        told = f"{name}, {kind}: residual {fit.residual:.2%}, median error {np.median(error):.2%}, "
        print(f"{told}95 % below {np.percentile(error, 95):.2%}")
        assert np.median(error) < allowed, told
        assert fit.law.gives == ("depth" if kind == "dark" else "inverse")


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["depth", "calibrate", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def pictures(bike: Motorcycle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The motorcycle with its relative depth in 8 bits at half its size."""
    tmp_path = tmp_path_factory.mktemp("relative")
    Image.fromarray(bike.photo).save(tmp_path / "bike.png")
    write_8_bits(bike.depth[::2, ::2], tmp_path / "relative.png")
    return tmp_path


def test_points_are_printed_with_their_residuals(bike: Motorcycle, pictures: Path) -> None:
    places = [(2 * row, 2 * column) for row, column in three_places(bike.depth[::2, ::2])]
    points = [f"--point={column},{row}={bike.depth[row, column]:.2f}" for row, column in places]
    relative, photo, out = pictures / "relative.png", pictures / "bike.png", pictures / "out.npz"
    result = run(relative, photo, *points, "--along", "z", "--focal-mm", "48.2", "-o", out)
    assert result.exit_code == 0, result.output
    assert "near is bright, its numbers grow evenly with one over the distance" in result.output
    line = r"^point \d at \d+, \d+: \d\.\d+ m along the axis, fitted \d\.\d+ m [+-]?0\.\d %"
    assert len(re.findall(line, result.output, re.MULTILINE)) == 3
    assert re.search(r"Residual of 3 points: 0\.\d % \(root mean square\)", result.output)
    with np.load(out) as written:
        both = np.isfinite(bike.depth[::2, ::2])
        assert np.median(np.abs(written["depth"] / bike.depth[::2, ::2] - 1)[both]) < 0.01
        assert written["intrinsics"][0, 2] == 741 / 2


def test_nearest_and_farthest_ask_which_end_is_near(bike: Motorcycle, pictures: Path) -> None:
    near, far = np.nanpercentile(bike.depth, [2, 98])
    ends = ["--near", f"{near:.2f}", "--far", f"{far:.2f}"]
    asked = run(pictures / "relative.png", *ends)
    assert asked.exit_code == 2
    assert "near is bright here" in asked.output
    assert run(pictures / "relative.png", *ends, "--near-is", "bright").exit_code == 0
    with np.load(pictures / "relative.metric.npz") as written:
        assert np.nanpercentile(written["depth"], 50) == pytest.approx(np.nanmedian(bike.depth), rel=0.05)


def test_the_floor_is_enough(tmp_path: Path) -> None:
    """A floor 1.6 m below a camera whose horizon is at row 40 of 120, in a picture of 16 bits."""
    rows = np.arange(120) + 0.5
    depth = np.minimum(1.6 * 100 / np.maximum(rows - 40, 1e-6), 8.0)[:, None].repeat(160, axis=1)
    Image.fromarray(np.rint(share(1 / depth) * 65535).astype(np.uint16)).save(tmp_path / "floor.png")
    # A lens of 100 px, but the camera looks down: the horizon is above the middle.
    pitch = np.arctan(20 / 100)
    floor = ["--ground", "10,70,150,119", "--camera-height", f"{1.6:g}", "--horizon", f"{1 / 3}"]
    lens = ["--focal-mm", f"{100 * 43.2666 / 200:.4f}"]
    result = run(tmp_path / "floor.png", *floor, *lens, "-o", tmp_path / "out.npz")
    assert result.exit_code == 0, result.output
    assert "pixels of floor: 0.0 %" in result.output
    with np.load(tmp_path / "out.npz") as written:
        assert np.abs(written["depth"] / (depth / np.cos(pitch)) - 1)[60:].max() < 0.01
    white = np.zeros((60, 80), np.uint8)
    white[35:59, 5:75] = 255
    Image.fromarray(white).save(tmp_path / "white.png")
    Image.fromarray(white[:, :40]).save(tmp_path / "narrow.png")
    by_picture = run(tmp_path / "floor.png", "--ground", tmp_path / "white.png", *floor[2:], *lens)
    assert "pixels of floor: 0.0 %" in by_picture.output
    refused = run(tmp_path / "floor.png", "--ground", tmp_path / "narrow.png", *floor[2:], *lens)
    assert refused.exit_code == 1
    assert "The mask narrow.png does not fit the photo" in refused.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--point", "10,10=2"], "needs two points of known distance: there is 1"),
        (["--point", "10,10=2", "--point", "20,20=2"], "Points of one distance only"),
        (["--point", "10,10=2", "--point", "5000,10=3"], "A point is outside the picture: 5000, 10 in 741 x 500"),
        (["--point", "10,10=2", "--point", "20,400=inf"], "A distance is not a positive number: point 2"),
        (["--ground", "10,10,10,10", "--camera-height", "1.5"], "The floor needs three points: there are 0"),
        (["--point", "10,10"], "expected 1 numbers"),
        (["--point", "10,10=2", "--point", "20,nan=3"], "A point is outside the picture: 20, nan"),
        # Of one length of tape: along the axis 1.9 and 2 m.
        (["--point", "10,10=2", "--point", "370,250=2"], "Points of one distance only"),
        (["--ground", "nan,300,200,490", "--camera-height", "1.5"], "'nan,300,200,490': expected pixels"),
        (["--ground", "1,1;" * 80, "--camera-height", "1.5"], "The floor needs three points: there are 0"),
        (["--ground", "10,300,200,490", "--camera-height", "0"], "camera's height is not a positive number"),
        (["--ground", "0,0,700,100", "--camera-height", "1.5"], "is not below the horizon"),
        (["--ground", "10,10;20,20", "--camera-height", "1.5"], "three corners or more"),
        (["--near", "2", "--point", "1,1=2"], "Give --point twice or more, or"),
        ([], "Give --point twice or more, or"),
    ],
)
def test_what_gives_no_metres_ends_in_a_sentence(pictures: Path, arguments: list[str], sentence: str) -> None:
    result = run(pictures / "relative.png", pictures / "bike.png", *arguments)
    assert result.exit_code in (1, 2)
    assert sentence in " ".join(result.output.replace("│", " ").split())
