"""From a photo to a scene's depth, with the motorcycle's true depth standing in for a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.lens import focal_pixels, full_frame_focal
from blender_addon.core.depth.cleaning.clean import UNTOUCHED
from blender_addon.core.errors import PhotoError
from server.demo.motorcycle import FOCAL, Motorcycle
from server.depth.catalogue import CARDS
from server.depth.estimate import cleaned_at_photo, estimate_scene_depth
from server.depth.predictor import DepthEstimate, PredictorCard


@dataclass(frozen=True)
class Sensor:
    """A predictor that knows the bike's depth, at a quarter of the photo's size."""

    bike: Motorcycle
    lens: Float64 | None = None
    card: PredictorCard = CARDS["depth-anything-indoor-small"]

    def predict(self, photo: UInt8) -> DepthEstimate:
        return DepthEstimate(np.ascontiguousarray(self.bike.depth[2::4, 2::4]), self.lens)


def test_a_scene_has_the_photos_size_and_the_predicted_metres(bike: Motorcycle) -> None:
    scene = estimate_scene_depth(bike.photo, Sensor(bike), None, full_frame_focal(FOCAL, 741, 500))
    assert scene.cleaned.depth.shape == bike.depth.shape
    assert scene.lens.intrinsics[0, 0] == pytest.approx(FOCAL)
    assert scene.lens.words.startswith("EXIF, ")
    both = np.isfinite(scene.cleaned.depth) & np.isfinite(bike.depth)
    assert both.mean() > 0.85
    assert np.median(np.abs(scene.cleaned.depth[both] / bike.depth[both] - 1)) < 0.005


def test_the_typed_focal_length_wins_and_is_named(bike: Motorcycle) -> None:
    found = estimate_scene_depth(bike.photo, Sensor(bike), 50.0, 28.0, UNTOUCHED)
    assert found.lens.intrinsics[0, 0] == pytest.approx(focal_pixels(50.0, 741, 500))
    assert found.lens.words == "typed, 50 mm (35 mm eq.)"
    assumed = estimate_scene_depth(bike.photo, Sensor(bike), None, None, UNTOUCHED)
    assert assumed.lens.words == "assumed, 55° across"
    with pytest.raises(PhotoError, match="no photo's focal length"):
        estimate_scene_depth(bike.photo, Sensor(bike), 0.0, None)


def test_a_predicted_lens_is_used_and_depth_follows_a_typed_one(bike: Motorcycle) -> None:
    sensor = Sensor(bike, bike.intrinsics)
    predicted = estimate_scene_depth(bike.photo, sensor, None, None, UNTOUCHED)
    assert predicted.lens.words.startswith("predicted from the photo, ")
    assert np.array_equal(predicted.lens.intrinsics, bike.intrinsics)
    twice = full_frame_focal(2 * FOCAL, 741, 500)
    typed = estimate_scene_depth(bike.photo, sensor, twice, None, UNTOUCHED)
    ratio = typed.cleaned.depth / predicted.cleaned.depth
    assert np.nanmedian(ratio) == pytest.approx(2.0, rel=1e-5)


def test_a_large_photo_is_worked_on_at_a_megapixel(bike: Motorcycle) -> None:
    large = np.repeat(np.repeat(bike.photo, 2, axis=0), 2, axis=1)
    cleaned = cleaned_at_photo(bike.depth[2::4, 2::4], large, np.diag([2.0, 2.0, 1.0]) @ bike.intrinsics, UNTOUCHED)
    height, width = cleaned.depth.shape
    assert 0.95e6 < height * width < 1.05e6
    assert width / height == pytest.approx(741 / 500, rel=0.01)
