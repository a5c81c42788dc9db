"""Depth predictors that know geometry instead of pictures, behind the engine that every predictor has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.errors import EngineError
from server.depth.catalogue import CARDS
from server.depth.predictor import DepthEstimate, PredictorCard
from server.engines.depth.engine import PredictorEngine
from server.engines.engine import AnyEngine

FOCAL_OF_WIDTH = 0.8


class Wall:
    """A wall that runs away to the right: 1 / depth falls from 1/2 to 1/4 per metre across the photo."""

    card: PredictorCard = CARDS["depth-anything-indoor-small"]
    gives_lens = False

    def predict(self, photo: UInt8) -> DepthEstimate:
        height, width = photo.shape[0] // 2, photo.shape[1] // 2
        inverse = 0.5 - 0.25 * (np.arange(width) + 0.5) / width
        depth = np.broadcast_to((1 / inverse).astype(np.float32), (height, width))
        return DepthEstimate(np.ascontiguousarray(depth), self.lens(photo))

    def lens(self, photo: UInt8) -> np.ndarray | None:
        return None


class WallWithLens(Wall):
    """The same, and it knows the field of view."""

    card = CARDS["depth-pro"]

    def lens(self, photo: UInt8) -> np.ndarray | None:
        height, width = photo.shape[:2]
        focal = FOCAL_OF_WIDTH * width
        return intrinsics_matrix(focal, focal, width / 2, height / 2)


class Refusing(Wall):
    """Says no in words."""

    card = CARDS["depth-anything-indoor-base"]

    def predict(self, photo: UInt8) -> DepthEstimate:
        raise EngineError("The photo is too dark", "mean 3 of 255", "Light it.")


def engines() -> dict[str, Callable[[], AnyEngine]]:
    made = {kind.card.name: PredictorEngine(kind.card, kind) for kind in (Wall, WallWithLens, Refusing)}
    # As the product has it: the weights and the library are not there.
    missing = PredictorEngine(CARDS["depth-anything-outdoor-large"])
    return {name: (lambda engine=engine: engine) for name, engine in {**made, missing.capability.name: missing}.items()}


WALL, WALL_WITH_LENS, REFUSING = (kind.card.name for kind in (Wall, WallWithLens, Refusing))
