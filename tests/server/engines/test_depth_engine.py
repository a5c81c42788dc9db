"""The engine around a depth predictor, where the predictor fails."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.arrays import UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.depth_request import DepthRequest
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.progress import unwatched
from server.depth.predictor import DepthEstimate
from server.engines.depth.engine import PredictorEngine
from tests.support.engines.depth import WALL, Wall


class Full(Wall):
    """Says what PyTorch says when a card's memory is full, once."""

    said = False

    def predict(self, photo: UInt8) -> DepthEstimate:
        if not Full.said:
            Full.said = True
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the documentation")
        return super().predict(photo)


def test_a_memory_that_is_too_small_is_one_sentence_and_the_next_photo_is_tried() -> None:
    engine = PredictorEngine(Full.card, Full)
    photo = np.zeros((20, 30, 3), np.uint8)
    request = DepthRequest(photo, ShotSettings(engine=WALL), None, None)
    with pytest.raises(EngineError, match=r"does not fit the server's memory: CUDA.*GiB\. Choose a smaller network"):
        engine.estimate(request, unwatched)
    assert engine.estimate(request, unwatched).depth.shape == (20, 30)


def test_what_is_no_lack_of_memory_passes_through() -> None:
    class Broken(Wall):
        def predict(self, photo: UInt8) -> DepthEstimate:
            raise RuntimeError("shapes do not match")

    request = DepthRequest(np.zeros((20, 30, 3), np.uint8), ShotSettings(engine=WALL), None, None)
    with pytest.raises(RuntimeError, match="shapes"):
        PredictorEngine(Broken.card, Broken).estimate(request, unwatched)
