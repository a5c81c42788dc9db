"""What a depth file's numbers mean is asked wherever it is not certain, with the right answer among those offered."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.depth.depth_facts import depth_facts
from blender_addon.core.depth.depth_format import DEPTH_UNITS, DepthFormat
from blender_addon.core.depth.depth_question import DepthQuestionError
from blender_addon.core.errors import PhotoError
from server.demo.motorcycle import BASELINE, DISPARITY_OFFSET, FOCAL, Motorcycle
from server.depth.photo_files import read_depth

NEAREST, FARTHEST = 2.11, 5.02


def question(path: Path, depth_format: DepthFormat | None = None) -> DepthQuestionError:
    with pytest.raises(DepthQuestionError) as asked:
        read_depth(path, depth_format or DepthFormat())
    return asked.value


def answered(asked: DepthQuestionError, name: str) -> DepthFormat:
    return next(answer.format for answer in asked.answers if answer.name == name)


def share(depth: NDArray[np.float32]) -> NDArray[np.float64]:
    """The motorcycle's inverse depth from 0, far, to 1, near, as a network for relative depth gives it."""
    filled = np.clip(np.nan_to_num(depth, nan=FARTHEST), NEAREST, FARTHEST)
    return np.asarray((1 / filled - 1 / FARTHEST) / (1 / NEAREST - 1 / FARTHEST))


@pytest.mark.parametrize(
    ("file", "why", "first", "middle"),
    [
        ("tum/TUM_depth.png", "multiples of 5", "tum", 2.42),
        ("kitti_metric3d/depth_0000000005.png", "20% of its pixels", "kitti", 13.8),
    ],
)
def test_the_unit_of_real_files_is_asked_with_the_right_one_first(
    shared_data: Path, file: str, why: str, first: str, middle: float
) -> None:
    path = shared_data / "rgbd" / file
    asked = question(path)
    assert why in asked.why
    assert asked.answers[0].name == first
    facts = depth_facts(read_depth(path, asked.answers[0].format))
    assert facts is not None
    assert facts.middle == pytest.approx(middle, rel=0.02)
    assert facts.reach.split()[0] in asked.answers[0].title
    assert "--depth-unit" in asked.remedy
    read_depth(path, DepthFormat(), trust_unit=True)


def test_real_millimetres_are_not_asked(shared_data: Path) -> None:
    for path in (shared_data / "rgbd/arkit_promptda/arkit_depth.png", *shared_data.rglob("frame-*.depth.png")):
        facts = depth_facts(read_depth(path, DepthFormat()))
        assert facts is not None
        assert 0.5 < facts.middle < 5


def test_sun3ds_rotated_bits(bike: Motorcycle, tmp_path: Path) -> None:
    """Millimetres from 8192 on wrap around into the lowest bits."""
    millimetres = np.nan_to_num(bike.depth * 1000).astype(np.uint16)
    millimetres[0, :3] = (8191, 8193, 9500)
    Image.fromarray(((millimetres << 3) | (millimetres >> 13)).astype(np.uint16)).save(tmp_path / "depth.png")
    asked = question(tmp_path / "depth.png")
    assert asked.answers[0].name == "sun3d"
    depth = read_depth(tmp_path / "depth.png", asked.answers[0].format)
    np.testing.assert_allclose(np.nan_to_num(depth), millimetres / 1000, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["8.png", "8.jpg", "8.pgm", "16.png", "8in16.png", "8.npy", "floats.npy", "steps.npy", "8up16.png"]
)
def test_relative_depth_is_asked_and_then_read(bike: Motorcycle, tmp_path: Path, name: str) -> None:
    inverse = share(bike.depth)
    steps, path = np.rint(inverse * 255).astype(np.uint8), tmp_path / name
    if name == "floats.npy":
        np.save(path, inverse.astype(np.float32))
    elif name == "steps.npy":
        np.save(path, steps.astype(np.float32))
    elif name == "8up16.png":
        Image.fromarray(np.rint(inverse * 250).astype(np.uint16) * 256).save(path)
    elif name == "8.npy":
        np.save(path, steps)
    elif name == "16.png":
        Image.fromarray(np.rint(inverse * 65535).astype(np.uint16)).save(path)
    elif name == "8in16.png":
        Image.fromarray(steps.astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(steps).save(path, quality=95)
    asked = question(path)
    assert "--relative" in asked.remedy
    assert asked.answers[0].name == "near_bright", "the floor is"
    bright = asked.answers[0].format
    with pytest.raises(PhotoError, match="Relative depth alone has no metres"):
        read_depth(path, bright)
    depth = read_depth(path, msgspec.structs.replace(bright, nearest=NEAREST, farthest=FARTHEST))
    known = np.isfinite(bike.depth)
    assert np.nanmedian(np.abs(depth / bike.depth - 1)[known]) < 0.01
    assert (depth.min(), depth.max()) == (pytest.approx(NEAREST, rel=0.01), pytest.approx(FARTHEST, rel=0.01))


def test_sky_without_numbers_does_not_turn_a_picture_round(tmp_path: Path) -> None:
    rising = np.linspace(0, 1, 120)[:, None].repeat(160, axis=1)
    rising[:40] = np.nan
    rising[40] = 0
    np.save(tmp_path / "sky.npy", rising)
    assert question(tmp_path / "sky.npy").answers[0].name == "near_bright"


def test_where_near_is_dark_the_numbers_grow_with_the_distance(tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", np.tile(np.arange(0, 256, 5, np.uint8), (8, 1)))
    depth = read_depth(tmp_path / "depth.npy", DepthFormat(kind="relative", near="dark", nearest=1.0, farthest=3.0))
    np.testing.assert_allclose(depth[0], np.linspace(1, 3, 52), rtol=1e-6)


@pytest.mark.parametrize("scale", ["viridis", "plasma", "inferno", "magma", "cividis", "turbo", "jet", "Spectral_r"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_in_colours_is_read_by_its_colour_scale(
    bike: Motorcycle, tmp_path: Path, scale: str, suffix: str
) -> None:
    colormaps = pytest.importorskip("matplotlib").colormaps
    inverse, path = share(bike.depth), tmp_path / f"depth.{suffix}"
    Image.fromarray(np.rint(colormaps[scale](inverse)[..., :3] * 255).astype(np.uint8)).save(path, quality=85)
    asked = question(path)
    assert scale.lower().removesuffix("_r") in asked.why
    warm = msgspec.structs.replace(answered(asked, "near_bright"), nearest=NEAREST, farthest=FARTHEST)
    depth = read_depth(path, warm)
    assert np.isfinite(depth).mean() > 0.9
    assert np.nanmedian(np.abs(depth / bike.depth - 1)) < 0.02


def test_a_photo_is_no_depth(bike: Motorcycle, tmp_path: Path) -> None:
    Image.fromarray(bike.photo).save(tmp_path / "photo.png")
    with pytest.raises(PhotoError, match="no known scale") as refused:
        read_depth(tmp_path / "photo.png", DepthFormat())
    assert not isinstance(refused.value, DepthQuestionError)


def test_disparity_is_asked_for_its_camera(bike: Motorcycle, tmp_path: Path) -> None:
    np.savez(tmp_path / "named.npz", disparity=bike.disparity)
    stereo = answered(question(tmp_path / "named.npz"), "disparity")
    stereo = msgspec.structs.replace(stereo, focal=FOCAL, baseline=BASELINE, doffs=DISPARITY_OFFSET)
    np.testing.assert_allclose(read_depth(tmp_path / "named.npz", stereo), bike.depth, rtol=1e-6)
    np.save(tmp_path / "unnamed.npy", bike.disparity)
    assert "bottom is farther" in question(tmp_path / "unnamed.npy").why


@pytest.mark.parametrize(("factor", "says"), [(1000, "beyond 27"), (0.001, "nearer than 0.0048"), (0.05, "than 0.24")])
def test_a_scene_out_of_reach_is_asked_even_in_a_given_unit(
    bike: Motorcycle, tmp_path: Path, factor: float, says: str
) -> None:
    np.save(tmp_path / "depth.npy", bike.depth * np.float32(factor))
    for depth_format in (DepthFormat(), DepthFormat(scale=1.0)):
        assert says in question(tmp_path / "depth.npy", depth_format).why
    read_depth(tmp_path / "depth.npy", DepthFormat(), trust_unit=True)


def test_floats_in_millimetres_are_answered_by_their_unit(bike: Motorcycle, tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", bike.depth * np.float32(1000))
    asked = question(tmp_path / "depth.npy")
    assert asked.answers[0].name == "mm"
    np.testing.assert_allclose(read_depth(tmp_path / "depth.npy", asked.answers[0].format), bike.depth, rtol=1e-6)


def test_a_unit_that_is_given_is_believed(shared_data: Path) -> None:
    path = next((shared_data / "rgbd/kitti_metric3d").glob("depth_*"))
    for name in ("mm", "kitti"):
        read_depth(path, DEPTH_UNITS[name].format)


def test_the_facts_are_metres_and_a_share(bike: Motorcycle) -> None:
    facts = depth_facts(bike.depth)
    assert facts is not None
    assert facts.words == "2.2 to 4.8 m, middle 2.8 m, 93 % of the photo has depth"
    assert facts.times(0.1).words == "0.22 to 0.48 m, middle 0.28 m, 93 % of the photo has depth"
    assert depth_facts(np.full((3, 4), np.nan, np.float32)) is None


def test_formats_that_give_no_metres_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "depth.npy"
    np.save(path, np.full((8, 9), 2.0, np.float32))
    for given, words in (
        (DepthFormat(scale=0.0), "The depth scale is not a positive number: 0 metres a unit"),
        (DepthFormat(scale=float("nan")), "The depth scale is not a positive number: nan metres a unit"),
        (DepthFormat(kind="relative", nearest=1, farthest=6), "72 pixels, all with the same number"),
    ):
        with pytest.raises(PhotoError, match=words):
            read_depth(path, given, trust_unit=True)


def test_disparity_out_of_reach_is_asked_about(bike: Motorcycle, tmp_path: Path) -> None:
    """Its baseline is in millimetres, as a calibration may have it."""
    path = tmp_path / "disparity.npy"
    np.save(path, (FOCAL * BASELINE / bike.depth).astype(np.float32))
    asked = question(path, DepthFormat(kind="disparity", focal=FOCAL, baseline=BASELINE * 1000))
    assert "half of the picture is beyond" in asked.why
    assert [answer.format.baseline for answer in asked.answers] == [BASELINE * 1000]
