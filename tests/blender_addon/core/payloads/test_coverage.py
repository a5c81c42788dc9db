"""What a preview shows, and the one refusal of a camera that looks past the scene."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.errors import ShotError
from blender_addon.core.payloads.coverage import check_seen, coverage


def test_coverage_is_the_share_of_pixels_with_alpha() -> None:
    preview = np.zeros((2, 4, 5, 4), np.uint8)
    preview[1, :2, :, 3] = 255
    np.testing.assert_array_equal(coverage(preview), [0.0, 0.5])


def test_one_frame_that_shows_something_is_enough() -> None:
    check_seen([0.0, 0.01, 0.0])


def test_a_camera_that_never_sees_the_scene_is_refused() -> None:
    """With what to do in Blender and what to do on the command line."""
    with pytest.raises(ShotError, match=r"in all 3 frames\. Point it at the mesh.*--start-at-photo"):
        check_seen(np.zeros(3))
