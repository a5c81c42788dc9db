"""Bad photos and depths are refused in sentences with the numbers that show it."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.depth.photo_checks import DoubtfulScaleError, check_aspect, check_depth
from blender_addon.core.errors import PhotoError
from server.demo.motorcycle import Motorcycle


@pytest.mark.parametrize("depth_size", [(741, 500), (185, 125), (256, 173), (1482, 1000), (371, 250)])
def test_depth_of_the_photos_aspect_fits_at_any_resolution(depth_size: tuple[int, int]) -> None:
    check_aspect((741, 500), depth_size)


def test_another_aspect_is_refused_with_both_sizes() -> None:
    with pytest.raises(PhotoError, match=r"photo 741 x 500, depth 640 x 640.*whole frame"):
        check_aspect((741, 500), (640, 640))


def test_a_turned_depth_is_called_turned() -> None:
    with pytest.raises(PhotoError, match="turned by 90 degrees"):
        check_aspect((741, 500), (500, 741))


def test_the_motorcycles_depth_passes(bike: Motorcycle) -> None:
    check_depth(bike.depth)


def test_all_unknown_depth_is_called_empty() -> None:
    with pytest.raises(PhotoError, match="empty: none of its 20 pixels"):
        check_depth(np.full((4, 5), np.nan, np.float32))


def test_negative_depth_is_refused(bike: Motorcycle) -> None:
    with pytest.raises(PhotoError, match=r"not in front of the camera.*negative"):
        check_depth(-bike.depth)


def test_zero_depth_is_refused() -> None:
    with pytest.raises(PhotoError, match="20 are zero"):
        check_depth(np.zeros((4, 5), np.float32))


def test_a_few_negative_values_are_only_unknown(bike: Motorcycle) -> None:
    depth = bike.depth.copy()
    depth[:20] = -1
    check_depth(depth)


@pytest.mark.parametrize(("factor", "says"), [(1000.0, "beyond 27"), (0.001, "nearer than 0.0027")])
def test_depth_in_another_unit_is_questioned(bike: Motorcycle, factor: float, says: str) -> None:
    with pytest.raises(DoubtfulScaleError, match=says):
        check_depth(bike.depth * np.float32(factor))
    check_depth(bike.depth * np.float32(factor), trust_scale=True)
