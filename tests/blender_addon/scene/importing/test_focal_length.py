"""Where the focal length comes from, in what order, and that it is said."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.camera.lens import focal_pixels, full_frame_focal
from blender_addon.core.errors import PhotoError

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.scene.importing.focal_length import photo_lens  # noqa: E402

SIZE = (4000, 3000)


def test_calibration_goes_before_exif_before_typed_before_the_guess() -> None:
    calibrated = np.array([[3000.0, 0, 1990], [0, 3000, 1510], [0, 0, 1]])
    assert photo_lens(SIZE, 26, 50, calibrated).source.startswith("calibrated")
    np.testing.assert_array_equal(photo_lens(SIZE, 26, 50, calibrated).intrinsics, calibrated)
    assert photo_lens(SIZE, 26, 50).source == "EXIF, 26 mm (35 mm eq.)"
    assert photo_lens(SIZE, 26, 50, prefer_typed=True).source == "typed, 50 mm (35 mm eq.)"
    assert photo_lens(SIZE, 26, None, prefer_typed=True).source.startswith("EXIF")
    assert photo_lens(SIZE, None, 50).source.startswith("typed")
    assert photo_lens(SIZE, None, None).source == "assumed, 55° across"


def test_the_guess_sees_55_degrees_across() -> None:
    intrinsics = photo_lens(SIZE, None, None).intrinsics
    assert 2 * np.degrees(np.arctan(SIZE[0] / 2 / intrinsics[0, 0])) == pytest.approx(55)


def test_the_35_mm_equivalent_compares_diagonals() -> None:
    intrinsics = photo_lens((3600, 2400), 36, None).intrinsics
    assert intrinsics[0, 0] == pytest.approx(3600)  # a 36 mm lens on 36 x 24 mm
    assert focal_pixels(26, 4000, 3000) == pytest.approx(focal_pixels(26, 3000, 4000))
    assert full_frame_focal(focal_pixels(26, *SIZE), *SIZE) == pytest.approx(26)


@pytest.mark.parametrize("typed", [0.0, -20.0, float("nan")])
def test_a_focal_length_must_be_positive(typed: float) -> None:
    with pytest.raises(PhotoError, match="focal length is not a positive"):
        photo_lens(SIZE, None, typed)
