"""Where the focal length comes from, in what order, and that it is said."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from blender_addon.core.camera.focal_length import FocalSource, photo_lens
from blender_addon.core.camera.lens import focal_pixels, full_frame_focal
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.errors import CameraError, PhotoError

SIZE = (4000, 3000)
CALIBRATION = intrinsics_matrix(3000.0, 3010.0, 1990.0, 1510.0)
STORED = intrinsics_matrix(2800.0, 2800.0, 2000.0, 1500.0)
PREDICTED = intrinsics_matrix(2500.0, 2500.0, 2000.0, 1500.0)

GIVEN = {
    FocalSource.CALIBRATED: {"intrinsics": CALIBRATION},
    FocalSource.TYPED: {"focal_mm": 26.0},
    FocalSource.STORED: {"stored": STORED},
    FocalSource.EXIF: {"exif_mm": 50.0},
    FocalSource.PREDICTED: {"predicted": PREDICTED},
}
"""What each source is given as, the first to count first."""

LENSES = {
    FocalSource.CALIBRATED: (3000.0, "calibrated, 25.96 mm (35 mm eq.)"),
    FocalSource.TYPED: (focal_pixels(26.0, *SIZE), "typed, 26 mm (35 mm eq.)"),
    FocalSource.STORED: (2800.0, "stored with the depth, 24.23 mm (35 mm eq.)"),
    FocalSource.EXIF: (focal_pixels(50.0, *SIZE), "EXIF, 50 mm (35 mm eq.)"),
    FocalSource.PREDICTED: (2500.0, "predicted from the photo, 21.63 mm (35 mm eq.)"),
    FocalSource.ASSUMED: (2000 / np.tan(np.radians(27.5)), "assumed, 55° across"),
}
"""The focal length in pixels that each source has here, and what is said of it."""


@pytest.mark.parametrize("present", list(product([True, False], repeat=len(GIVEN))))
def test_the_first_source_that_is_there_counts_and_is_named(present: tuple[bool, ...]) -> None:
    there = [source for source, given in zip(GIVEN, present, strict=True) if given]
    lens = photo_lens(SIZE, **{name: value for source in there for name, value in GIVEN[source].items()})
    expected = there[0] if there else FocalSource.ASSUMED
    assert lens.source is expected
    assert (lens.intrinsics[0, 0], lens.words) == (pytest.approx(LENSES[expected][0]), LENSES[expected][1])


def test_intrinsics_are_taken_as_they_are_and_millimetres_are_centred() -> None:
    np.testing.assert_array_equal(photo_lens(SIZE, intrinsics=CALIBRATION).intrinsics, CALIBRATION)
    np.testing.assert_array_equal(photo_lens(SIZE, predicted=PREDICTED).intrinsics, PREDICTED)
    for lens in (photo_lens(SIZE, focal_mm=26.0), photo_lens(SIZE)):
        assert lens.intrinsics[0, 0] == lens.intrinsics[1, 1]
        assert tuple(lens.intrinsics[:2, 2]) == (2000, 1500)


def test_the_35_mm_equivalent_compares_diagonals() -> None:
    intrinsics = photo_lens((3600, 2400), exif_mm=36).intrinsics
    assert intrinsics[0, 0] == pytest.approx(3600)  # a 36 mm lens on 36 x 24 mm
    assert focal_pixels(26, 4000, 3000) == pytest.approx(focal_pixels(26, 3000, 4000))
    assert full_frame_focal(focal_pixels(26, *SIZE), *SIZE) == pytest.approx(26)


@pytest.mark.parametrize("mm", [0.0, -20.0, float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("told_as", ["focal_mm", "exif_mm"])
def test_a_focal_length_must_be_positive(told_as: str, mm: float) -> None:
    with pytest.raises(PhotoError, match=r"This is no photo's focal length: .* mm\. Give its 35 mm equivalent"):
        photo_lens(SIZE, **{told_as: mm})


@pytest.mark.parametrize("told_as", ["intrinsics", "predicted"])
def test_intrinsics_must_be_a_cameras(told_as: str) -> None:
    with pytest.raises(CameraError, match="focal length is not positive"):
        photo_lens(SIZE, **{told_as: intrinsics_matrix(0.0, 0.0, 0.0, 0.0)})
